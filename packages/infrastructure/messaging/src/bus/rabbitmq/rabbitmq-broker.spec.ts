// The bus on RabbitMQ keeps the contract of all, on a real server.
import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, it } from '@jest/globals';
import {
  describeMessageBus,
  HeardMessages,
  MemoryLogger,
  MemoryMetrics,
  newMessage,
  newWord,
  serverUnderTest,
  TcpLink,
} from '@groundwork/testing';
import amqplib from 'amqplib';
import type { Queue } from '../broker.ts';
import { BrokeredMessageBus } from '../brokered-message-bus.ts';
import { RabbitBroker } from './rabbitmq-broker.ts';

const server = await serverUnderTest('rabbitmq');
const url = server?.url ?? new URL('rabbitmq://nowhere');
afterAll(() => server?.close());

/** Remembers the queues it makes, so that a test leaves none behind. */
class TrackedBroker extends RabbitBroker {
  readonly #prefix: string;
  readonly #made: Set<string>;

  constructor(through: string, prefix: string, made: Set<string>) {
    super({ url: through, prefix });
    [this.#prefix, this.#made] = [prefix, made];
  }

  override async createQueue(queue: Queue): Promise<void> {
    this.#made.add(`${this.#prefix}:${queue.name}`).add(`${this.#prefix}:dead:${queue.name}`);
    await super.createQueue(queue);
  }
}

const busOn = (through: string, prefix: string, made = new Set<string>()): BrokeredMessageBus =>
  new BrokeredMessageBus(new TrackedBroker(through, prefix, made), {
    logger: new MemoryLogger(),
    metrics: new MemoryMetrics(),
  });

// Needs RabbitMQ: `apt-get install rabbitmq-server`, or GW_TEST_AMQP_URL.
(server ? describe : describe.skip)('on RabbitMQ', () => {
  describeMessageBus(
    'The bus on RabbitMQ',
    { unroutable: 'returned', isManageable: true, settlesWithinMs: 10_000 },
    async () => {
      const prefix = `gw-test-${randomUUID()}`;
      const links: TcpLink[] = [];
      const made = new Set<string>();
      return {
        connect: async () => {
          const link = await TcpLink.to(Number(url.port), url.hostname);
          links.push(link);
          const through = new URL(url);
          through.host = `127.0.0.1:${link.port}`;
          const bus = busOn(through.href, prefix, made);
          return { bus, abandon: async () => link.cut() };
        },
        close: async () => {
          for (const link of links) await link[Symbol.asyncDispose]();
          await removeAll(prefix, made);
        },
      };
    },
  );

  it('S4-08 confirms what is published only when a queue has it, and returns what none has', async () => {
    const prefix = `gw-test-${randomUUID()}`;
    const bus = busOn(url.href, prefix);
    const [word, heard] = [newWord(), new HeardMessages()];
    await bus.queues.create({ name: word, topic: word });
    await bus.publish(Array.from({ length: 200 }, (_, n) => newMessage(word, String(n))));
    expect(await bus.queues.facts(word)).toMatchObject({ waiting: 200 });
    const unwanted = Array.from({ length: 3 }, () => newMessage(`${word}.other`));
    await expect(bus.publish(unwanted)).rejects.toMatchObject({
      failed: unwanted.map(({ id: messageId }) => ({ messageId, reason: 'unroutable' })),
    });
    await bus.subscribe({ topic: word, group: word, handle: heard.handle });
    await heard.until(200);
    await bus.queues.delete(word);
    await bus.close();
    await removeAll(prefix, new Set());
  });
});

async function removeAll(prefix: string, queues: ReadonlySet<string>): Promise<void> {
  const connection = await amqplib.connect(url.href);
  const channel = await connection.createChannel();
  for (const queue of queues) await channel.deleteQueue(queue);
  await channel.deleteExchange(prefix);
  await connection.close();
}
