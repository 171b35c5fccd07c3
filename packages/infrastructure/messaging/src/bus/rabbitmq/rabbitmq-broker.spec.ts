// The bus on RabbitMQ keeps the contract of all, on a real server.
import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, it } from '@jest/globals';
import {
  describeMessageBus,
  eventually,
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

  constructor(through: string, prefix: string, made: Set<string>, logger = new MemoryLogger()) {
    super({ url: through, prefix, logger });
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

  it('serves all who use a fresh connection at once', async () => {
    const [prefix, made] = [`gw-test-${randomUUID()}`, new Set<string>()];
    const bus = busOn(url.href, prefix, made);
    const word = newWord();
    await Promise.all([bus.ping(), bus.queues.create({ name: word, topic: word }), bus.ping()]);
    await bus.close();
    await removeAll(prefix, made);
  });

  it('S4-09 keeps a message whose dead letter no queue takes, until one does', async () => {
    const [prefix, made] = [`gw-test-${randomUUID()}`, new Set<string>()];
    const bus = busOn(url.href, prefix, made);
    const [word, tries] = [newWord(), { count: 0 }];
    await bus.subscribe({
      topic: word,
      group: word,
      attemptsMax: 1,
      handle: () => Promise.reject(new Error(`try ${++tries.count}`)),
    });
    await onChannel((channel) => channel.deleteQueue(`${prefix}:dead:${word}`));
    await bus.publish([newMessage(word, 'precious')]);
    await eventually(() => tries.count > 0);
    await bus.queues.create({ name: word, topic: word });
    const [letter] = await eventually(async () => {
      const letters = await bus.queues.deadLetters(word, 1);
      return letters.length > 0 && letters;
    });
    expect(new TextDecoder().decode(letter!.message.body)).toBe('precious');
    await bus.close();
    await removeAll(prefix, made);
  });

  it.each([false, true])(
    'makes a queue that was deleted under its consumer again, and goes on (ordered: %s)',
    async (isOrdered) => {
      const [prefix, made] = [`gw-test-${randomUUID()}`, new Set<string>()];
      const [bus, logger] = [busOn(url.href, prefix, made), new MemoryLogger()];
      const consuming = new BrokeredMessageBus(new TrackedBroker(url.href, prefix, made, logger), {
        logger,
        metrics: new MemoryMetrics(),
      });
      const [word, heard] = [newWord(), new HeardMessages()];
      await consuming.subscribe({ topic: word, group: word, isOrdered, handle: heard.handle });
      await bus.publish([newMessage(word, 'before')]);
      await heard.until(1);
      await bus.queues.delete(word);
      await eventually(async () => (await bus.queues.facts(word))?.consumers === 1);
      await bus.publish([newMessage(word, 'after')]);
      expect(await heard.until(2)).toEqual(['before', 'after']);
      expect(logger.lines.map(({ message }) => message)).toContain('RabbitMQ ended a consumer; it is opened again.');
      await Promise.all([bus.close(), consuming.close()]);
      await removeAll(prefix, made);
    },
  );
});

async function onChannel(work: (channel: amqplib.Channel) => Promise<unknown>): Promise<void> {
  const connection = await amqplib.connect(url.href);
  await work(await connection.createChannel());
  await connection.close();
}

async function removeAll(prefix: string, queues: ReadonlySet<string>): Promise<void> {
  await onChannel(async (channel) => {
    for (const queue of queues) await channel.deleteQueue(queue);
    await channel.deleteExchange(prefix);
  });
}
