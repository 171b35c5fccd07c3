// Messages as CloudEvents 1.0, the form that other systems know.
import { cloudEventType, messageId, type OutgoingMessage } from '@groundwork/application';

/**
 * The attributes of CloudEvents 1.0 (https://github.com/cloudevents/spec) and of its documented extensions; `tenant` is
 * ours. All values are text.
 * `sequence` is the version of the stream, written so that texts sort as the numbers do.
 */
export interface CloudEventAttributes {
  readonly specversion: '1.0';
  /** The same id again is the same message again. */
  readonly id: string;
  /** `/contexts/clients` */
  readonly source: string;
  /** `groundwork.clients.client-updated.v1`, the schema version of the data at the end. */
  readonly type: string;
  /** The stream: `client/001Gw000009AbCdIAK`. */
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly sequence: string;
  /** What has to stay in order: tenant and stream. */
  readonly partitionkey: string;
  readonly recordedtime: string;
  readonly correlationid: string;
  readonly causationid?: string;
  readonly traceparent?: string;
  readonly tenant: string;
}

export const STRUCTURED_MEDIA_TYPE = 'application/cloudevents+json';
/** What the names of attributes begin with where they are headers. */
const HEADER_PREFIX = 'ce-';
const SEQUENCE_DIGITS = 10;

export function attributesOf(message: OutgoingMessage): CloudEventAttributes {
  const { tenant, stream, metadata } = message;
  const { correlationId, causationId, traceparent } = metadata;
  return {
    specversion: '1.0',
    id: messageId(message),
    source: `/contexts/${message.context}`,
    type: cloudEventType(message),
    subject: `${stream.type}/${stream.id}`,
    time: message.occurredAt.toISOString(),
    datacontenttype: 'application/json',
    sequence: String(message.streamVersion).padStart(SEQUENCE_DIGITS, '0'),
    partitionkey: partitionKeyOf(message),
    recordedtime: message.recordedAt.toISOString(),
    correlationid: correlationId,
    ...(causationId === undefined ? {} : { causationid: causationId }),
    ...(traceparent === undefined ? {} : { traceparent }),
    tenant,
  };
}

/** In the structured mode everything is one JSON object. */
export const structuredText = (message: OutgoingMessage): string =>
  JSON.stringify({ ...attributesOf(message), data: message.data });

/** In the binary mode the body is the data, and the attributes are headers. */
export function binaryHeaders(message: OutgoingMessage): Readonly<Record<string, string>> {
  const { datacontenttype: _, ...attributes } = attributesOf(message);
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [`${HEADER_PREFIX}${name}`, headerText(value)]),
  );
}

export const partitionKeyOf = ({ tenant, stream }: Pick<OutgoingMessage, 'tenant' | 'stream'>): string =>
  `${tenant}/${stream.type}/${stream.id}`;

/** What a header cannot carry is percent-encoded, as the HTTP binding asks for. */
const headerText = (value: string): string => value.replaceAll(/[^\x21-\x7e]|["%]/gu, encodeURIComponent);
