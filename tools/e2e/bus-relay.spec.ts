// What other systems hear of clients over a broker: every event once, in order, whatever becomes of the broker.
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { EventStore, MessageBus, type BusMessage } from '@groundwork/application';
import { compose, contextModules, migrate, platformModules, type App } from '@groundwork/configuration';
import { parseTenantId, type TenantId } from '@groundwork/domain';
import { eventually, TcpLink, testDatabase, type TestDatabase } from '@groundwork/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { productMigrations, productSettings } from '../../apps/cli/src/product.ts';
import { contexts } from '../../apps/worker/src/contexts.ts';
import { REMOVALS } from './broker-names.ts';
import { ChangedClients } from './changed-clients.ts';
import type { RelayDeath } from './relay-death.module.ts';
import { relayingWorker, type RelayingWorker } from './relaying-worker.ts';

const WAIT_MAX_MS = 30_000;
const DOWN_MS = 60_000;

const BROKERS = {
  redis: ['REDIS_URL', process.env['GW_TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379'],
  rabbitmq: ['AMQP_URL', process.env['GW_TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672'],
  nats: ['NATS_URL', process.env['GW_TEST_NATS_URL'] ?? 'nats://127.0.0.1:4222'],
} as const;
type Broker = keyof typeof BROKERS;

const PORTS: Readonly<Record<Broker, number>> = { redis: 6379, rabbitmq: 5672, nats: 4222 };
const portOf = (broker: Broker): number => Number(new URL(BROKERS[broker][1]).port || PORTS[broker]);

async function answers(broker: Broker): Promise<boolean> {
  const { hostname } = new URL(BROKERS[broker][1]);
  const isThere = await new Promise<boolean>((resolve) => {
    const socket = connect(portOf(broker), hostname, () => resolve(socket.destroy() !== undefined));
    socket.on('error', () => resolve(false));
  });
  if (isThere || process.env['CI'] !== 'true') return isThere;
  throw new Error(`${broker} does not answer: start it, or say where it is.`);
}
const there = new Map<Broker, boolean>();
for (const broker of Object.keys(BROKERS) as Broker[]) there.set(broker, await answers(broker));
/** Needs the server: one that is missing is a skip, and a failure where CI=true. */
const on = (broker: Broker): typeof it => (there.get(broker) === true ? it : (it.skip as typeof it));

interface CloudEvent {
  readonly id: string;
  readonly subject: string;
  readonly sequence: string;
  readonly tenant: string;
  readonly partitionkey: string;
}

describe('The relay of clients to a broker', () => {
  let database: TestDatabase;
  let log: App;
  let clients: ChangedClients;
  const opened: AsyncDisposable[] = [];
  const workers: RelayingWorker[] = [];

  beforeAll(async () => {
    database = await testDatabase();
    await migrate(database.url, await productMigrations(productSettings({})));
    log = await program({});
    clients = new ChangedClients(log.get(EventStore));
  }, 60_000);
  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.stop();
    for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]();
  }, 30_000);
  afterAll(async () => {
    await log[Symbol.asyncDispose]();
    await database.drop();
  });

  function program(env: Readonly<Record<string, string>>): Promise<App> {
    const settings = productSettings({ DATABASE_URL: database.url, LOG_LEVEL: 'error', ...env });
    const modules = [...platformModules(settings, 'api', contexts), ...contextModules(contexts, settings)];
    return compose({ program: 'api', modules, roots: [EventStore, MessageBus] });
  }
  /** A broker of the test's own names, what is heard there, and a worker whose line to it can be cut. */
  async function relayOn(broker: Broker, death: RelayDeath = 'never') {
    const [variable, url] = BROKERS[broker];
    const names = { GW_BUS: broker, GW_BUS_PREFIX: `gw-${randomUUID().slice(0, 18)}` };
    opened.push({ [Symbol.asyncDispose]: () => REMOVALS[broker](url, names.GW_BUS_PREFIX) });
    const listener = await program({ ...names, [variable]: url });
    opened.push(listener);
    const heard: CloudEvent[] = [];
    const group = `all-${randomUUID().slice(0, 8)}`;
    const bus = listener.get(MessageBus);
    await bus.subscribe({
      topic: 'clients.>',
      group,
      isOrdered: true,
      handle: async ({ body }: BusMessage) => void heard.push(JSON.parse(new TextDecoder().decode(body)) as CloudEvent),
    });
    opened.push({ [Symbol.asyncDispose]: () => bus.queues.delete(group).catch(() => undefined) });
    const link = await TcpLink.to(portOf(broker), new URL(url).hostname);
    opened.push(link);
    const through = new URL(url);
    through.host = `127.0.0.1:${link.port}`;
    const env = { ...names, [variable]: through.href };
    const start = (how: RelayDeath = 'never'): RelayingWorker => {
      const worker = relayingWorker(database.url, how, env);
      workers.push(worker);
      return worker;
    };
    return { heard, link, start, first: start(death) };
  }
  const idsOf = (heard: readonly CloudEvent[], client: string): readonly string[] =>
    heard.filter(({ subject }) => subject === `client/${client}`).map(({ id }) => id);
  const untilHeard = (heard: readonly CloudEvent[], ids: readonly string[], waitMs = WAIT_MAX_MS) =>
    eventually(() => ids.every((id) => heard.some((one) => one.id === id)), waitMs);

  for (const broker of ['redis', 'rabbitmq', 'nats'] as const) {
    on(broker)(
      `S1-29 each event is published once per position, in the order of its client: on ${broker}`,
      async () => {
        const { heard } = await relayOn(broker);
        const all = await Promise.all(Array.from({ length: 10 }, () => clients.active(6)));
        await untilHeard(
          heard,
          all.flatMap(({ eventIds }) => eventIds),
        );
        const late = await clients.active(1);
        await untilHeard(heard, late.eventIds);
        for (const { id, eventIds } of all) expect(idsOf(heard, id)).toEqual(eventIds);
        const sequences = heard
          .filter(({ subject }) => subject === `client/${all[0]!.id}`)
          .map(({ sequence }) => sequence);
        expect(sequences).toEqual([1, 2, 3, 4, 5, 6].map((n) => String(n).padStart(10, '0')));
      },
      60_000,
    );
  }

  on('rabbitmq')(
    'S1-30 serves several tenants over one connection and never mixes them; one that is added at run time is picked up',
    async () => {
      const { heard, link } = await relayOn('rabbitmq');
      const tenants = ['tenant-a', 'tenant-b'].map(parseTenantId);
      const told = new Map<string, TenantId>();
      const tell = async (tenant: TenantId): Promise<void> => {
        const { eventIds } = await clients.active(4, tenant);
        for (const id of eventIds) told.set(id, tenant);
      };
      await Promise.all(tenants.flatMap((tenant) => [tell(tenant), tell(tenant)]));
      await untilHeard(heard, [...told.keys()]);
      expect(link.open).toBe(1);
      await tell(parseTenantId('tenant-added'));
      await untilHeard(heard, [...told.keys()]);
      expect([link.open, link.connections]).toEqual([1, 1]);
      for (const { id, tenant, partitionkey } of heard.filter((one) => told.has(one.id))) {
        expect([tenant, partitionkey.split('/')[0]]).toEqual([told.get(id), told.get(id)]);
      }
    },
    60_000,
  );

  on('rabbitmq')(
    'S0-78 killed between publish and checkpoint, it sends to RabbitMQ again under the same ids, and loses nothing',
    async () => {
      const { heard, first, start } = await relayOn('rabbitmq', 'between publish and checkpoint');
      const all = await Promise.all(Array.from({ length: 6 }, () => clients.active(4)));
      expect(await first.signal).toBe('SIGKILL');
      start();
      await untilHeard(
        heard,
        all.flatMap(({ eventIds }) => eventIds),
      );
      const late = await clients.active(1);
      await untilHeard(heard, late.eventIds);
      for (const { id, eventIds } of all) {
        const ids = idsOf(heard, id);
        expect([...new Set(ids)]).toEqual(eventIds);
        for (const eventId of eventIds) expect(ids.filter((one) => one === eventId).length).toBeLessThanOrEqual(2);
      }
    },
    60_000,
  );

  on('rabbitmq')(
    'a broker that is away for 60 s loses nothing: what waited is sent in order when it is back',
    async () => {
      const { heard, link } = await relayOn('rabbitmq');
      const early = await clients.active(2);
      await untilHeard(heard, early.eventIds);
      link.cut();
      const endsAtMs = performance.now() + DOWN_MS;
      const all: Awaited<ReturnType<ChangedClients['active']>>[] = [];
      await eventually(async () => {
        all.push(await clients.active(3));
        await new Promise((resolve) => setTimeout(resolve, 500));
        return performance.now() >= endsAtMs;
      }, 2 * DOWN_MS);
      expect(idsOf(heard, all[0]!.id)).toEqual([]);
      link.mend();
      await untilHeard(
        heard,
        all.flatMap(({ eventIds }) => eventIds),
        60_000,
      );
      for (const { id, eventIds } of all) expect([...new Set(idsOf(heard, id))]).toEqual(eventIds);
    },
    180_000,
  );
});
