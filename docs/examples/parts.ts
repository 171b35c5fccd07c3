// Saves an event, searches the clients, publishes the event and closes, without a program around it.
import type { NewEvent } from '@groundwork/application';
import { ClientQueries, clientsModule, clientsSettings, type ClientsFound } from '@groundwork/clients';
import { infrastructureFactory, type InfrastructureOptions } from '@groundwork/configuration';
import { parseTenantId, streamId } from '@groundwork/domain';

export async function saveSearchPublish(options: InfrastructureOptions, event: NewEvent): Promise<ClientsFound> {
  const factory = await infrastructureFactory({ ...options, modules: [clientsModule(clientsSettings.parse({}))] });
  const { eventStore, publisher } = factory;
  const [tenant, stream] = [parseTenantId('demo'), streamId('client', '001Gw000009AbCdIAK')];
  try {
    const { position } = await eventStore.append({ tenant, stream, expected: 'any', events: [event] });
    const filter = { search: 'harbour', deleted: false };
    const clients = await factory.get(ClientQueries).list(tenant, filter, { page: 1, limit: 20 });
    await publisher.publish(await eventStore.query(tenant, { stream, after: position - 1n, limit: 1 }));
    return clients;
  } finally {
    await factory.close();
  }
}
