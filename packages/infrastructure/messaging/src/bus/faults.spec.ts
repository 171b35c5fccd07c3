// What was confirmed arrives, in the order of its key, whatever happens to the broker and to consumers meanwhile.
import { fork, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MessagesNotPublished, type BusMessage } from '@groundwork/application';
import {
  BrokerServer,
  eventually,
  hasBrokerServer,
  MemoryLogger,
  MemoryMetrics,
  newMessage,
  type BrokerName,
} from '@groundwork/testing';
import { BrokeredMessageBus } from './brokered-message-bus.ts';
import type { ToldMessage } from './consumer-under-test.ts';
import { impatientBroker } from './impatient-broker-under-test.ts';

const VARIABLES = { redis: 'redisUrl', rabbitmq: 'amqpUrl', nats: 'natsUrl' } as const;
const KEYS = 8;
const ROUNDS = 120;
const AWAY_MS = 10_000;
const seed = Number(process.env['GW_TEST_SEED'] ?? randomInt(1_000_000));

// Each needs the server's program: `apt-get install redis-server rabbitmq-server nats-server`.
describe.each<BrokerName>(['redis', 'rabbitmq', 'nats'])(`Under faults (GW_TEST_SEED=${seed}) %s`, (name) => {
  const when = hasBrokerServer(name) ? it : it.skip;
  let server: BrokerServer;
  beforeAll(async () => {
    if (hasBrokerServer(name)) server = await BrokerServer.start(name);
  }, 90_000);
  afterAll(() => server?.[Symbol.asyncDispose]());

  when(
    'S4-07 loses nothing and keeps the order of each key while the broker is away for 10 s and consumers are killed',
    async () => {
      const random = seeded(seed);
      const settings = { [VARIABLES[name]]: server.url };
      const [topic, group] = ['orders.taken', 'faults'];
      const logger = new MemoryLogger();
      const bus = new BrokeredMessageBus(impatientBroker(settings, logger), { logger, metrics: new MemoryMetrics() });
      await bus.queues.create({ name: group, topic, isOrdered: true });
      const told = new ToldOrder();
      const consumers = [0, 1].map(() => told.consumer(settings, topic, group));
      const killAt = new Set(Array.from({ length: 4 }, () => Math.floor(random() * ROUNDS)));
      const awayAt = Math.floor(ROUNDS / 4 + (random() * ROUNDS) / 2);
      let outage: Promise<void> | undefined;
      for (let round = 0; round < ROUNDS; round++) {
        if (round === awayAt) outage = away(server);
        if (killAt.has(round)) {
          const index = Math.floor(random() * consumers.length);
          consumers[index]!.kill('SIGKILL');
          consumers[index] = told.consumer(settings, topic, group);
        }
        await publishUntilConfirmed(bus, roundOf(topic, round));
        await sleep(random() * 20);
      }
      await outage;
      await eventually(() => told.count === KEYS * ROUNDS || Promise.reject(new Error(`${told.count} came`)), 60_000);
      const expected = Array.from({ length: ROUNDS }, (_, round) => String(round));
      for (let key = 0; key < KEYS; key++) expect(told.firstCopies.get(`key-${key}`)).toEqual(expected);
      for (const consumer of consumers) consumer.kill('SIGKILL');
      await bus.close();
    },
    180_000,
  );
});

async function away(server: BrokerServer): Promise<void> {
  await server.kill();
  await sleep(AWAY_MS);
  await server.start();
}

/** As whoever keeps an order has to: what was not confirmed goes out again before anything later. */
async function publishUntilConfirmed(bus: BrokeredMessageBus, messages: readonly BusMessage[]): Promise<void> {
  let left = messages;
  while (left.length > 0) {
    try {
      await bus.publish(left);
      return;
    } catch (error) {
      if (!(error instanceof MessagesNotPublished)) throw error;
      const failed = new Set(error.failed.map(({ messageId }) => messageId));
      left = left.filter(({ id }) => failed.has(id));
      await sleep(100);
    }
  }
}

const roundOf = (topic: string, round: number): readonly BusMessage[] =>
  Array.from({ length: KEYS }, (_, key) => newMessage(topic, String(round), { key: `key-${key}` }));

/** What the consumers have told, by key and in this order, without what came again. */
class ToldOrder {
  readonly firstCopies = new Map<string, string[]>();

  get count(): number {
    return [...this.firstCopies.values()].reduce((sum, { length }) => sum + length, 0);
  }

  consumer(settings: object, topic: string, group: string): ChildProcess {
    const main = join(import.meta.dirname, 'consumer-under-test.ts');
    const child = fork(main, [JSON.stringify({ settings, topic, group })], { execArgv: [], stdio: 'inherit' });
    child.on('message', ({ number, key, text }: ToldMessage) => {
      if (number === 0) return;
      const texts = this.firstCopies.get(key) ?? [];
      if (!texts.includes(text)) texts.push(text);
      this.firstCopies.set(key, texts);
      child.send(number, () => undefined);
    });
    return child;
  }
}

/** Chance that comes again with its seed. */
function seeded(start: number): () => number {
  let state = start;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
