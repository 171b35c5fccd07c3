// An event among others that are told of: what, when, by whom and why, without its payload.
import { streamName } from '@groundwork/domain';
import { z } from 'zod';
import type { LoggedEvent } from '../events/event.ts';

export const toldEvent = z.object({
  id: z.string(),
  type: z.string(),
  stream: z.string().describe('type/id'),
  streamVersion: z.number().int(),
  position: z.string(),
  occurredAt: z.iso.datetime(),
  recordedAt: z.iso.datetime(),
  actor: z.string(),
  correlationId: z.string(),
  causationId: z.string().nullable().describe('The id of the command or event that led to it.'),
});

export const toldEventOf = (event: LoggedEvent): z.input<typeof toldEvent> => ({
  id: event.id,
  type: event.type,
  stream: streamName(event.stream),
  streamVersion: event.streamVersion,
  position: String(event.position),
  occurredAt: event.occurredAt.toISOString(),
  recordedAt: event.recordedAt.toISOString(),
  actor: event.metadata.actor,
  correlationId: event.metadata.correlationId,
  causationId: event.metadata.causationId ?? null,
});
