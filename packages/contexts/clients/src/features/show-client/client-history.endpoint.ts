// What happened to a client, event by event.
import {
  endpoint,
  eventBody,
  eventBodyOf,
  page,
  pageLimit,
  pageOf,
  timeText,
  type Endpoint,
  type EventStore,
  type LoggedEvent,
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

const answer = pageOf(eventBody(DEBUG));

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
      const found: LoggedEvent[] = [];
      for await (const event of events.readStream(tenant, stream, range)) found.push(event);
      const isRawShown = actor.permissions.has(DEBUG);
      const bodyOf = (event: LoggedEvent) => eventBodyOf(event, isRawShown);
      return { status: 200, body: page(found, limit, bodyOf, ({ streamVersion }) => String(streamVersion)) };
    },
  });
