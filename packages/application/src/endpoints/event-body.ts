// An event as the log holds it, for those who read its history; the payload for those who may see it.
import { streamName } from '@groundwork/domain';
import { z } from 'zod';
import type { EventSource, LoggedEvent } from '../events/event.ts';
import { ExactJson } from '../exact-json.ts';

export const eventSources: readonly [EventSource, ...EventSource[]] = ['salesforce', 'backfill', 'api', 'system'];

/** What `eventBodyOf` gives; `permission` is what the payload is shown for. */
export const eventBody = (permission: string) =>
  z.object({
    position: z.string(),
    id: z.string(),
    stream: z.string().describe('type/id'),
    streamVersion: z.number().int(),
    type: z.string(),
    schemaVersion: z.number().int().describe('Of the data as it was stored.'),
    source: z.enum(eventSources),
    occurredAt: z.iso.datetime(),
    recordedAt: z.iso.datetime(),
    metadata: z.record(z.string(), z.string()),
    validation: z.unknown().describe('Which rules looked at the fact, and what they found.'),
    data: z.unknown().optional().describe(`Exactly as it was stored; shown to holders of ${permission}.`),
    readAs: z
      .array(z.object({ type: z.string(), schemaVersion: z.number().int(), data: z.unknown().optional() }))
      .nullable()
      .optional()
      .describe('What it says in the schemas of today, where they have changed; null when it cannot be read.'),
  });

export const eventBodyOf = (event: LoggedEvent, isPayloadShown: boolean): z.input<ReturnType<typeof eventBody>> => ({
  position: String(event.position),
  id: event.id,
  stream: streamName(event.stream),
  streamVersion: event.streamVersion,
  type: event.type,
  schemaVersion: event.schemaVersion,
  source: event.source,
  occurredAt: event.occurredAt.toISOString(),
  recordedAt: event.recordedAt.toISOString(),
  metadata: event.metadata as Record<string, string>,
  validation: event.validation ?? null,
  ...(isPayloadShown ? { data: new ExactJson(event.dataText) } : {}),
  ...readAs(event, isPayloadShown),
});

/** An event that nobody can read any more is still shown: its history is where somebody looks for the reason. */
function readAs(event: LoggedEvent, isPayloadShown: boolean): Pick<z.input<ReturnType<typeof eventBody>>, 'readAs'> {
  try {
    const { parts } = event;
    if (parts.length === 1 && parts[0]!.type === event.type && parts[0]!.schemaVersion === event.schemaVersion)
      return {};
    return {
      readAs: parts.map((part) => {
        const { type, schemaVersion } = part;
        return { type, schemaVersion, ...(isPayloadShown ? { data: part.data } : {}) };
      }),
    };
  } catch {
    return { readAs: null };
  }
}
