// What other systems are told, as an AsyncAPI 3 document: made from the very schemas that contexts declare.
import { z } from 'zod';
import { cloudEventType, contextOf, topicOf } from './message-names.ts';
import type { MessageDefinition, Publication } from './publication.ts';

type Json = Readonly<Record<string, unknown>>;

interface Told {
  readonly context: string;
  readonly definition: MessageDefinition;
}

/** Channels are topics of the message bus. `components.schemas` also holds what EventBridge gets as the detail. */
export function asyncApiDocument(publications: readonly Publication[], version: string): Json {
  const all = publications.flatMap((publication) =>
    publication.messages.map((definition) => ({ context: contextOf(publication), definition })),
  );
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Groundwork',
      version,
      description: 'What other systems are told, at least once and in stream order.',
    },
    defaultContentType: 'application/cloudevents+json',
    channels: entries(all, topicOfTold, channelOf),
    operations: entries(all, (told) => `send.${nameOf(told)}`, operationOf),
    components: {
      messages: entries(all, nameOf, messageOf),
      schemas: {
        ...entries(all, nameOf, (told) => jsonSchema(cloudEventSchema(told))),
        ...entries(all, detailNameOf, ({ definition }) => jsonSchema(normalisedEventSchema(definition))),
      },
    },
  };
}

/** The NormalisedEvent of a message, which EventBridge gets as the detail. */
export const normalisedEventSchema = ({ type, schemaVersion, data }: MessageDefinition): z.ZodType =>
  z.object({
    event_id: z.string().describe('The same id again is the same message again.'),
    aggregate_type: z.string(),
    aggregate_id: z.string(),
    event_type: z.literal(type),
    timestamp: z.iso.datetime().describe('When it happened.'),
    version: z.literal(schemaVersion).describe('The schema version of the data.'),
    data,
    validation_info: z
      .object({
        rules: z.array(
          z.object({ rule: z.string(), outcome: z.enum(['passed', 'noted']), note: z.string().optional() }),
        ),
        mappingVersion: z.int().optional(),
        backfill: z.literal('marked').optional(),
      })
      .nullable(),
    tenant: z.string(),
    correlation_id: z.string(),
  });

const cloudEventSchema = ({ context, definition }: Told): z.ZodType => {
  const { type, schemaVersion, data } = definition;
  return z.object({
    specversion: z.literal('1.0'),
    id: z.string().describe('The same id again is the same message again.'),
    source: z.literal(`/contexts/${context}`),
    type: z.literal(cloudEventType({ context, type, schemaVersion })),
    subject: z.string().describe('The stream: type/id.'),
    time: z.iso.datetime().describe('When it happened.'),
    datacontenttype: z.literal('application/json'),
    sequence: z.string().describe('The version of the stream, written so that texts sort as the numbers do.'),
    partitionkey: z.string().describe('What stays in order: tenant and stream.'),
    recordedtime: z.iso.datetime(),
    correlationid: z.string(),
    causationid: z.string().optional(),
    traceparent: z.string().optional().describe('W3C Trace Context.'),
    tenant: z.string(),
    data,
  });
};

const channelOf = (told: Told): Json => ({
  address: topicOfTold(told),
  messages: { [nameOf(told)]: { $ref: `#/components/messages/${nameOf(told)}` } },
});

const operationOf = (told: Told): Json => ({
  action: 'send',
  channel: { $ref: `#/channels/${topicOfTold(told)}` },
  messages: [{ $ref: `#/channels/${topicOfTold(told)}/messages/${nameOf(told)}` }],
  summary: told.definition.summary,
});

const messageOf = (told: Told): Json => ({
  name: cloudEventType({ ...told.definition, context: told.context }),
  title: told.definition.type,
  summary: told.definition.summary,
  contentType: 'application/cloudevents+json',
  payload: { $ref: `#/components/schemas/${nameOf(told)}` },
});

const nameOf = ({ context, definition }: Told): string => `${context}.${definition.type}`;
const detailNameOf = (told: Told): string => `${nameOf(told)}.detail`;
const topicOfTold = ({ context, definition }: Told): string => topicOf({ context, type: definition.type });

const entries = (all: readonly Told[], key: (told: Told) => string, value: (told: Told) => Json): Json =>
  Object.fromEntries(all.map((told) => [key(told), value(told)]));

const jsonSchema = (schema: z.ZodType): Json => z.toJSONSchema(schema) as Json;
