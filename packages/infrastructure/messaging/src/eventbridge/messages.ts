// How events become entries of PutEvents, and how many of them go into one request.
import type { PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import { InvalidInput, messageId, normalisedEvent, type OutgoingMessage } from '@groundwork/application';
import { streamName } from '@groundwork/domain';

const SOURCE = 'groundwork';
const ENTRIES_PER_REQUEST_MAX = 10;
/** EventBridge takes less than this for all entries of a request together. */
const REQUEST_BYTES_LIMIT = 256 * 1024;
/** What AWS counts for an entry's time. */
const TIME_BYTES = 14;

export interface Message {
  readonly eventId: string;
  readonly orderKey: string;
  readonly entry: PutEventsRequestEntry;
  /** As AWS counts it. */
  readonly bytes: number;
}

/** What has to stay in order: a stream of a tenant. */
export const orderKeyOf = ({ tenant, stream }: Pick<OutgoingMessage, 'tenant' | 'stream'>): string =>
  `${tenant}/${streamName(stream)}`;

/** Throws InvalidInput `messaging.event-too-large`. */
export function messageOf(event: Omit<OutgoingMessage, 'context'>, bus: string): Message {
  const detailType = `${pascalCase(event.stream.type)}Changed`;
  const detail = JSON.stringify(normalisedEvent(event));
  const bytes = TIME_BYTES + Buffer.byteLength(SOURCE) + Buffer.byteLength(detailType) + Buffer.byteLength(detail);
  if (bytes >= REQUEST_BYTES_LIMIT) throw tooLarge(event, bytes);
  return {
    eventId: messageId(event),
    orderKey: orderKeyOf(event),
    entry: { EventBusName: bus, Source: SOURCE, DetailType: detailType, Detail: detail, Time: event.occurredAt },
    bytes,
  };
}

/**
 * In order, as many to a request as EventBridge takes. No request holds two events of one stream: EventBridge may
 * refuse the first and take the second, and a receiver would see them in the wrong order.
 */
export function requestsOf(messages: readonly Message[]): readonly (readonly Message[])[] {
  const requests: Message[][] = [];
  let open: Message[] = [];
  let bytes = 0;
  for (const message of messages) {
    const isFull = open.length === ENTRIES_PER_REQUEST_MAX || bytes + message.bytes >= REQUEST_BYTES_LIMIT;
    if (open.length === 0 || isFull || open.some(({ orderKey }) => orderKey === message.orderKey)) {
      requests.push((open = []));
      bytes = 0;
    }
    open.push(message);
    bytes += message.bytes;
  }
  return requests;
}

const pascalCase = (kebab: string): string =>
  kebab
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

const tooLarge = (event: Pick<OutgoingMessage, 'id'>, bytes: number): InvalidInput =>
  new InvalidInput(
    'messaging.event-too-large',
    `Event ${event.id} takes ${bytes} bytes; EventBridge takes less than ${REQUEST_BYTES_LIMIT}.`,
    'Leave the event out, and let its readers fetch it from the log.',
    [],
    { eventId: event.id, bytes },
  );
