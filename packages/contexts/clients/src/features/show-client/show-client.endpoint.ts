// One client: as it is, or as it was.
import {
  endpoint,
  timeText,
  type Access,
  type Endpoint,
  type EventStore,
  type Projection,
} from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';
import { z } from 'zod';
import { DEBUG, READ } from '../../clients.roles.ts';
import { CLIENT_LIST } from '../client-list/client-list.projection.ts';
import type { ClientQueries } from '../client-list/client-queries.ts';
import { clientView, viewOf, type ClientRow } from '../client-list/client-row.ts';
import { clientStream, unknownClient } from './client-stream.ts';

const query = z.strictObject({
  asOf: timeText.optional().describe('The state after all that had happened by this time.'),
  includeRaw: z.enum(['true', 'false']).default('false').describe(`The latest original payload, too; needs ${DEBUG}.`),
});

const answer = clientView.extend({
  rawData: z.unknown().optional().describe('Exactly as Salesforce sent it; with includeRaw only.'),
});

export interface ShowClientPorts {
  readonly clients: ClientQueries;
  readonly events: EventStore;
  readonly list: Projection<ClientRow>;
  readonly access: Access;
}

export const showClient = ({ clients, events, list, access }: ShowClientPorts): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/clients/:id',
    summary: 'A client by its Salesforce id of 15 or 18 characters; the ETag is its stream version',
    permission: READ,
    params: z.object({ id: z.string() }),
    query,
    reads: CLIENT_LIST,
    responses: {
      200: { description: 'The client', schema: answer },
      403: { description: `includeRaw without the permission ${DEBUG}` },
      404: { description: 'No such client, or none yet at that time' },
    },
    async handle({ params, query: { asOf, includeRaw }, tenant, actor, minPosition }) {
      if (includeRaw === 'true') access.authorise(actor, DEBUG);
      const stream = clientStream(params.id);
      const row =
        asOf === undefined
          ? await clients.find(tenant, stream.id, { minPosition })
          : await rowAsOf(new Date(asOf), { events, list }, tenant, stream);
      if (row === undefined) throw unknownClient(params.id);
      return {
        status: 200,
        body: { ...viewOf(row), ...(includeRaw === 'true' ? { rawData: row.raw_data } : {}) },
        streamVersion: row.stream_version,
      };
    },
  });

/** The stream's events up to and including the time, through the projection that makes the list. */
async function rowAsOf(
  time: Date,
  { events, list }: Pick<ShowClientPorts, 'events' | 'list'>,
  tenant: TenantId,
  stream: StreamId,
): Promise<ClientRow | undefined> {
  let row: ClientRow | undefined;
  const to = new Date(time.getTime() + 1);
  for await (const event of events.readStream(tenant, stream, { to })) {
    row = event.partsOf(list.eventTypes).reduce((before, part) => list.apply(before, part), row);
  }
  return row;
}
