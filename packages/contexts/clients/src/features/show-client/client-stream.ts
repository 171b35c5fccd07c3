// The stream behind a client's id, as callers write it.
import { NotFound, type EventStore } from '@groundwork/application';
import { streamId, type StreamId, type TenantId } from '@groundwork/domain';
import { isSalesforceId, salesforceId } from '../../model/salesforce-id.ts';

/** From an id of 15 or 18 characters; throws NotFound `client.unknown` for what cannot be one. */
export function clientStream(id: string): StreamId {
  if (!isSalesforceId(id)) throw unknownClient(id);
  return streamId('client', salesforceId(id));
}

/** Throws NotFound `client.unknown` when nothing was ever heard of the client. */
export async function refuseUnknownClient(events: EventStore, tenant: TenantId, stream: StreamId): Promise<void> {
  for await (const _ of events.readStream(tenant, stream, { fromVersion: 1, toVersion: 1 })) return;
  throw unknownClient(stream.id);
}

export const unknownClient = (id: string): NotFound =>
  new NotFound(
    'client.unknown',
    `There is no client ${id.slice(0, 40)}.`,
    'Check the id; the 15-character form is case-sensitive. A client that was just sent appears when it is processed.',
  );
