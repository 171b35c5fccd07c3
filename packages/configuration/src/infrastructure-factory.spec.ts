import {
  CommandStore,
  EventPublisher,
  EventStore,
  EventTypeDefinition,
  Misconfigured,
  port,
  RoleDefinition,
} from '@groundwork/application';
import { EventBridgePublisher, MemoryEventPublisher } from '@groundwork/messaging';
import { TenantDatabase } from '@groundwork/persistence';
import {
  collected,
  eventually,
  FakeEventBridge,
  newEvent,
  dataOf,
  newLoggedEvent,
  newStream,
  newTenant,
  testDatabase,
} from '@groundwork/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ContainerModule } from 'inversify';
import { compose } from './compose.ts';
import {
  infrastructureFactory,
  type InfrastructureFactory,
  type InfrastructureOptions,
} from './infrastructure-factory.ts';
import { platformModules } from './platform-modules.ts';
import { readSettings } from './platform.settings.ts';

const reader: RoleDefinition = { role: 'note-reader', permissions: [] };
const notes = new ContainerModule(({ bind }) => {
  bind<EventTypeDefinition>(EventTypeDefinition).toConstantValue({ type: 'NoteTaken', schemaVersion: 1 });
  bind<RoleDefinition>(RoleDefinition).toConstantValue(reader);
});

// Nothing connects before it is used, so no database has to be there.
const databaseUrl = 'postgres://gw@127.0.0.1:1/groundwork';
const eventbridgeRegion = 'eu-north-1';
const made: InfrastructureFactory[] = [];
afterEach(() => Promise.all(made.splice(0).map((factory) => factory.close())));

async function factoryWith(options: Partial<InfrastructureOptions> = {}): Promise<InfrastructureFactory> {
  const factory = await infrastructureFactory({ databaseUrl, ...options });
  made.push(factory);
  return factory;
}

describe('infrastructureFactory', () => {
  it('S0-39 gives event store, read models and publisher from database and region, the same each time', async () => {
    const factory = await factoryWith({ eventbridgeRegion });
    for (const part of ['eventStore', 'readModels', 'publisher', 'commandStore', 'eventLog'] as const) {
      expect([part, factory[part] === factory[part]]).toEqual([part, true]);
    }
    expect(factory.eventStore.append).toBeInstanceOf(Function);
    expect(factory.readModels.within).toBeInstanceOf(Function);
    expect(factory.publisher).toBeInstanceOf(EventBridgePublisher);
  });

  it('S0-39 gives what its container gives, everything that modules bind included', async () => {
    const factory = await factoryWith({ eventbridgeRegion, modules: [notes] });
    expect(factory.get(EventStore)).toBe(factory.eventStore);
    expect(factory.get(CommandStore)).toBe(factory.commandStore);
    expect(factory.get(TenantDatabase)).toBe(factory.readModels);
    expect(factory.get(EventPublisher)).toBe(factory.publisher);
    expect(factory.get(RoleDefinition)).toBe(reader);
  });

  it('S0-39 gives parts of the same making as the container of a program', async () => {
    const settings = readSettings({ DATABASE_URL: databaseUrl, EVENTBRIDGE_REGION: eventbridgeRegion });
    await using program = await compose({ program: 'worker', modules: platformModules(settings, 'worker') });
    const factory = await factoryWith({ eventbridgeRegion });
    for (const key of [EventStore, CommandStore, EventPublisher]) {
      expect(factory.get<object>(key).constructor).toBe(program.get<object>(key).constructor);
    }
    expect(factory.readModels.constructor).toBe(program.get(TenantDatabase).constructor);
  });

  it('S0-39 lets any part be replaced, for whoever else asks the container for it, too', async () => {
    const eventStore: EventStore = {
      append: () => Promise.resolve({ streamVersion: 42, position: 42n, repeated: false }),
      readStream: async function* () {
        // An empty log.
      },
      readFromSnapshot: () => Promise.reject(new Error('nobody asks')),
      query: () => Promise.resolve([]),
    };
    const readModels = { within: () => Promise.resolve('replaced') } as unknown as TenantDatabase;
    const commandStore = { find: () => Promise.resolve(undefined) } as unknown as CommandStore;
    const publisher = new MemoryEventPublisher();
    const Both = port<readonly [TenantDatabase, EventPublisher]>('Both');
    const asking = new ContainerModule(({ bind }) => {
      bind(Both).toResolvedValue(
        (database: TenantDatabase, bus: EventPublisher) => [database, bus] as const,
        [TenantDatabase, EventPublisher],
      );
    });
    const replacements = { eventStore, readModels, commandStore, publisher };
    const factory = await factoryWith({ modules: [asking], replacements });
    expect(factory).toMatchObject({ readModels, commandStore, publisher });
    expect(factory.get(Both)).toEqual([readModels, publisher]);
    // Measured, as every event store.
    const append = { stream: { type: 'client' }, events: [] } as never;
    expect(await factory.eventStore.append(append)).toMatchObject({ streamVersion: 42 });
  });

  it('publishes to the region that it was made with', async () => {
    await using bridge = await FakeEventBridge.start();
    process.env.AWS_ACCESS_KEY_ID = 'AKIDEXAMPLE';
    process.env.AWS_SECRET_ACCESS_KEY = 'not-a-secret';
    const factory = await factoryWith({ eventbridgeRegion, settings: { EVENTBRIDGE_ENDPOINT: bridge.endpoint } });
    const event = newLoggedEvent();
    await factory.publisher.publish([event]);
    expect(bridge.requests[0]!.headers.authorization).toContain(`/${eventbridgeRegion}/events/`);
    expect(bridge.details()).toMatchObject([{ event_id: event.id }]);
  });

  it('refuses to publish without a region, and names the setting', async () => {
    const publishing = (await factoryWith()).publisher.publish([newLoggedEvent()]);
    await expect(publishing).rejects.toBeInstanceOf(Misconfigured);
    await expect(publishing).rejects.toMatchObject({
      code: 'messaging.region-missing',
      message: expect.stringContaining('EVENTBRIDGE_REGION'),
    });
  });

  it('takes no setting from the process around it', async () => {
    process.env.GW_POOL_SIZE_MAX = 'not a number';
    await expect(factoryWith()).resolves.toBeDefined();
    delete process.env.GW_POOL_SIZE_MAX;
  });

  it('S0-40 closes twice without harm and refuses use afterwards by name', async () => {
    const factory = await factoryWith();
    await factory.close();
    await factory.close();
    const { get } = factory;
    const uses = [
      () => factory.eventStore,
      () => factory.commandStore,
      () => factory.readModels,
      () => factory.publisher,
      () => get(EventStore),
    ];
    for (const use of uses) {
      expect(use).toThrow(
        expect.objectContaining({ code: 'infrastructure.closed', message: 'The infrastructure has been closed.' }),
      );
    }
  });

  it('S0-40 keeps events in PostgreSQL, and leaves no connection behind', async () => {
    const database = await testDatabase();
    try {
      const factory = await factoryWith({ databaseUrl: database.url, modules: [notes] });
      const [tenant, stream] = [newTenant(), newStream('note')];
      await factory.eventStore.append({
        tenant,
        stream,
        expected: 'no-stream',
        events: [newEvent('NoteTaken', { n: 1 })],
      });
      const stored = await collected(factory.eventStore.readStream(tenant, stream));
      expect(stored.map((event) => ({ type: event.type, data: dataOf(event) }))).toEqual([
        { type: 'NoteTaken', data: { n: 1 } },
      ]);
      await factory.close();

      const looker = await factoryWith({ databaseUrl: database.url });
      const others = 'select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()';
      await eventually(() =>
        looker.readModels.within(tenant, async (manager) => (await manager.query<unknown[]>(others)).length === 0),
      );
      await looker.close();
    } finally {
      await database.drop();
    }
  });
});
