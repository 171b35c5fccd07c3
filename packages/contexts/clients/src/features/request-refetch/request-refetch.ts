// An operator asks for a client to be fetched from Salesforce again.
import {
  decideAndAppend,
  endpoint,
  type CommandHandler,
  type Commands,
  type Endpoint,
  type EventStore,
} from '@groundwork/application';
import { z } from 'zod';
import { MANAGE } from '../../clients.roles.ts';
import { clientRecord, recordEventOf } from '../../model/client-record.ts';
import { recordSnapshots } from '../record-change/record-snapshots.ts';
import { clientStream, refuseUnknownClient } from '../show-client/client-stream.ts';

const REQUEST_REFETCH = 'clients.request-refetch';

const payload = z.strictObject({ id: z.string() });

/** Marks the client; nothing is stored when it is marked already. Throws NotFound `client.unknown`. */
export const requestRefetch = (events: EventStore): CommandHandler<z.infer<typeof payload>> => ({
  type: REQUEST_REFETCH,
  permission: MANAGE,
  schema: payload,
  async handle({ id }, context) {
    const stream = clientStream(id);
    await refuseUnknownClient(events, context.tenant, stream);
    const { streamVersion, position } = await decideAndAppend(
      events,
      {
        decider: clientRecord,
        stream,
        snapshots: recordSnapshots,
        command: { type: 'request-refetch' },
        read: recordEventOf,
      },
      context,
    );
    return { id: stream.id, streamVersion, position: String(position) };
  },
});

const answer = z.object({ id: z.string(), streamVersion: z.int() });

export const postRefetch = (commands: Commands): Endpoint =>
  endpoint({
    method: 'POST',
    path: '/v1/clients/:id/refetch',
    summary: 'Marks a client to be fetched from Salesforce again',
    permission: MANAGE,
    params: z.object({ id: z.string() }),
    ifMatchRequired: true,
    responses: {
      200: { description: 'Marked; the ETag is the new stream version', schema: answer },
      404: { description: 'No such client' },
      412: { description: 'The client is at another version than If-Match says' },
    },
    async handle({ params, tenant, actor, correlationId, requestId, idempotencyKey, ifMatch }) {
      const { id } = clientStream(params.id);
      const { result, repeated } = await commands.execute({
        type: REQUEST_REFETCH,
        payload: { id },
        tenant,
        actor,
        correlationId,
        requestId,
        idempotencyKey,
        ifMatch,
        orderKeys: [`client/${id}`],
      });
      const { streamVersion, position } = result;
      return {
        status: 200,
        body: { id, streamVersion },
        ...(streamVersion === undefined ? {} : { streamVersion }),
        ...(position === undefined ? {} : { position }),
        repeated,
      };
    },
  });
