// What happened to a client, event by event.
import {
  endpoint,
  ExactJson,
  page,
  pageLimit,
  pageOf,
  timeText,
  type Endpoint,
  type EventStore,
  type RecordedEvent,
} from '@groundwork/application';
import { z } from 'zod';
import { DEBUG, READ } from '../../clients.roles.ts';
import { clientStream, refuseUnknownClient } from './client-stream.ts';

const time = timeText.optional();
const query = z.strictObject({
  from: time.describe('Events that happened at this time or later.'),
  to: time.describe('Events that happened before this time.'),
  limit: pageLimit,
  cursor: z.coerce.number().int().min(0).max(2_147_483_647).default(0).describe('What the page before gave as `next`.'),
});

const answer = pageOf(
  z.object({
    position: z.string(),
    id: z.uuid(),
    streamVersion: z.int(),
    type: z.string(),
    schemaVersion: z.int(),
    source: z.string(),
    occurredAt: z.iso.datetime(),
    recordedAt: z.iso.datetime(),
    metadata: z.record(z.string(), z.string()),
    validation: z.unknown().describe('Which rules looked at the event, and what they found.'),
    data: z.unknown().optional().describe(`Exactly as Salesforce sent it; shown to holders of ${DEBUG}.`),
  }),
);

export const clientHistory = (events: EventStore): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/clients/:id/history',
    summary: 'The events of a client in the order of their versions',
    permission: READ,
    params: z.object({ id: z.string() }),
    query,
    responses: {
      200: { description: 'A page of events', schema: answer },
      404: { description: 'No such client' },
    },
    async handle({ params, query: { from, to, limit, cursor }, tenant, actor }) {
      const stream = clientStream(params.id);
      await refuseUnknownClient(events, tenant, stream);
      const range = {
        fromVersion: cursor + 1,
        limit: limit + 1,
        ...(from === undefined ? {} : { from: new Date(from) }),
        ...(to === undefined ? {} : { to: new Date(to) }),
      };
      const found: RecordedEvent[] = [];
      for await (const event of events.readStream(tenant, stream, range)) found.push(event);
      const isRawShown = actor.permissions.has(DEBUG);
      const bodyOf = (event: RecordedEvent) => itemOf(event, isRawShown);
      return { status: 200, body: page(found, limit, bodyOf, ({ streamVersion }) => String(streamVersion)) };
    },
  });

const itemOf = (event: RecordedEvent, isRawShown: boolean) => ({
  position: String(event.position),
  id: event.id,
  streamVersion: event.streamVersion,
  type: event.type,
  schemaVersion: event.schemaVersion,
  source: event.source,
  occurredAt: event.occurredAt.toISOString(),
  recordedAt: event.recordedAt.toISOString(),
  metadata: event.metadata,
  validation: event.validation ?? null,
  ...(isRawShown ? { data: new ExactJson(event.dataText) } : {}),
});
