// The same build over each of the systems that it can be set up with: the main job, from a request to what others hear.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageBus, type BusMessage } from '@groundwork/application';
import { compose, platformModules, type App } from '@groundwork/configuration';
import {
  eventually,
  FAKE_AWS_KEYS,
  FakeEventBridge,
  hasKafka,
  KafkaCluster,
  serverUnderTest,
  type ServerUnderTest,
} from '@groundwork/testing';
import { afterAll, describe, expect, it } from '@jest/globals';
import { sampleChangeEvent } from '../../apps/cli/src/start/sample-change-event.ts';
import { productSettings } from '../../apps/cli/src/product.ts';
import { freePorts, holds, startProduct } from './started-product.ts';

const CLIENT_ID = '001Gw000009AbCdIAK';
const HEARD_WAIT_MAX_MS = 30_000;
/** Others hear of no other ones. */
const ACTIVE_CLIENT = { ...sampleChangeEvent(new Date()), Account_Status__c: 'Active' };

/** A system beside PostgreSQL: what the product is told of it, and what is heard there. */
interface System extends AsyncDisposable {
  readonly settings: Readonly<Record<string, string>>;
  /** The types of what was announced, and what that of a new client is; undefined where nobody can listen. */
  readonly heard?: () => readonly string[];
  readonly newClient?: string;
}

const nothing = async (): Promise<System> => ({ settings: {}, [Symbol.asyncDispose]: async () => undefined });

async function eventBridge(): Promise<System> {
  const bridge = await FakeEventBridge.start();
  return {
    settings: { ...FAKE_AWS_KEYS, EVENTBRIDGE_REGION: 'eu-north-1', EVENTBRIDGE_ENDPOINT: bridge.endpoint },
    newClient: 'ClientCreated',
    heard: () => bridge.details().map((detail) => (detail as { event_type: string }).event_type),
    [Symbol.asyncDispose]: () => bridge[Symbol.asyncDispose](),
  };
}

const kafka = async (): Promise<System> => {
  const cluster = await KafkaCluster.start();
  const system = await broker({ KAFKA_BROKERS: cluster.brokers.join(',') });
  return {
    ...system,
    [Symbol.asyncDispose]: async () => {
      await system[Symbol.asyncDispose]();
      await cluster[Symbol.asyncDispose]();
    },
  };
};

/** What others hear at a broker: by a queue that is there before the product is. */
async function broker(address: Readonly<Record<string, string>>): Promise<System> {
  const settings = { ...address, GW_BUS_PREFIX: `matrix-${process.pid}-${Date.now().toString(36)}` };
  const app = await listener(settings);
  const heard: string[] = [];
  const bus = app.get(MessageBus);
  await bus.subscribe({ topic: '>', group: 'matrix', handle: async (message) => void heard.push(typeOf(message)) });
  return {
    settings,
    newClient: 'groundwork.clients.client-created.v1',
    heard: () => heard,
    [Symbol.asyncDispose]: async () => {
      await bus.queues.delete('matrix').catch(() => undefined);
      await app[Symbol.asyncDispose]();
    },
  };
}

const listener = (settings: Readonly<Record<string, string>>): Promise<App> =>
  compose({
    program: 'listener',
    modules: platformModules(productSettings({ ...settings, GW_STORE: 'memory', LOG_LEVEL: 'error' }), 'worker'),
    roots: [MessageBus],
  });

const typeOf = ({ body }: BusMessage): string => (JSON.parse(new TextDecoder().decode(body)) as { type: string }).type;

// Asked for before the first test, so that one that cannot be had counts as skipped.
const servers = {
  redis: await serverUnderTest('redis'),
  rabbitmq: await serverUnderTest('rabbitmq'),
  nats: await serverUnderTest('nats'),
};
afterAll(() => Promise.all(Object.values(servers).map((server) => server?.close())));

const over = (variable: string, server: ServerUnderTest | undefined): (typeof MATRIX)[number] => [
  variable,
  server !== undefined,
  () => broker({ [variable]: server!.url.href }),
];
const MATRIX: readonly (readonly [what: string, isThere: boolean, start: () => Promise<System>])[] = [
  ['nothing but PostgreSQL', true, nothing],
  ['EVENTBRIDGE_ENDPOINT', true, eventBridge],
  over('REDIS_URL', servers.redis),
  over('AMQP_URL', servers.rabbitmq),
  over('NATS_URL', servers.nats),
  ['KAFKA_BROKERS', hasKafka(), kafka],
];

describe('The main job', () => {
  for (const [what, isThere, start] of MATRIX) {
    (isThere ? it : it.skip)(
      `is done with ${what}`,
      async () => {
        await using system = await start();
        const dataDir = mkdtempSync(join(tmpdir(), 'gw-matrix-'));
        const ports = await freePorts();
        const product = await startProduct(dataDir, ports, system.settings);
        try {
          const accepted = await product.ask('/v1/events/salesforce', JSON.stringify(ACTIVE_CLIENT));
          expect(accepted.status).toBe(202);
          await holds(async () => {
            expect((await product.ask(`/v1/clients/${CLIENT_ID}`)).body).toMatchObject({ id: CLIENT_ID });
          });
          if (system.heard !== undefined) {
            await eventually(() => system.heard!().length > 0, HEARD_WAIT_MAX_MS);
            expect(system.heard()).toEqual([system.newClient]);
          }
          for (const port of [ports.management, ports.management + 1]) {
            expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
          }
        } finally {
          const status = await product.stop();
          rmSync(dataDir, { recursive: true, force: true });
          expect(status).toBe(0);
        }
      },
      120_000,
    );
  }
});
