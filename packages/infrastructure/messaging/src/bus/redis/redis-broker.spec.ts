// The bus on Redis Streams keeps the contract of all, on a real server.
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
import { Redis } from 'ioredis';
import { BrokeredMessageBus } from '../brokered-message-bus.ts';
import { RedisBroker, type RedisBusSettings } from './redis-broker.ts';

const server = await serverUnderTest('redis');
const url = server?.url ?? new URL('redis://nowhere');
afterAll(() => server?.close());

const busOn = (settings: RedisBusSettings): BrokeredMessageBus =>
  new BrokeredMessageBus(new RedisBroker(settings), { logger: new MemoryLogger(), metrics: new MemoryMetrics() });

async function removeAll(prefix: string): Promise<void> {
  const redis = new Redis(url.href);
  const keys = await redis.keys(`{${prefix}}:*`);
  if (keys.length > 0) await redis.del(...keys);
  redis.disconnect();
}

// Needs Redis: `apt-get install redis-server`, or GW_TEST_REDIS_URL.
(server ? describe : describe.skip)('on Redis', () => {
  describeMessageBus(
    'The bus on Redis Streams',
    { unroutable: 'returned', isManageable: true, settlesWithinMs: 10_000 },
    async () => {
      const prefix = `gw-test-${randomUUID()}`;
      const links: TcpLink[] = [];
      return {
        connect: async () => {
          const link = await TcpLink.to(Number(url.port), url.hostname);
          links.push(link);
          const bus = busOn({ url: `redis://127.0.0.1:${link.port}`, prefix, idleMs: 600 });
          return { bus, abandon: async () => link.cut() };
        },
        close: async () => {
          for (const link of links) await link[Symbol.asyncDispose]();
          await removeAll(prefix);
        },
      };
    },
  );

  it.each([{ group: 'lost' }, {}])('makes a queue that the server has lost again, and says so (%j)', async (group) => {
    const [prefix, logger, heard] = [`gw-test-${randomUUID()}`, new MemoryLogger(), new HeardMessages()];
    const broker = new RedisBroker({ url: url.href, prefix, idleMs: 300, logger });
    const bus = new BrokeredMessageBus(broker, { logger, metrics: new MemoryMetrics() });
    await bus.subscribe({ topic: 'a', ...group, handle: heard.handle });
    await bus.publish([newMessage('a', 'before')]);
    await heard.until(1);
    await removeAll(prefix);
    await eventually(() => bus.publish([newMessage('a', 'after')]).then(() => true));
    expect(await heard.until(2)).toEqual(['before', 'after']);
    expect(logger.lines).toContainEqual(expect.objectContaining({ level: 'warn' }));
    await bus.close();
    await removeAll(prefix);
  });

  describe('The streams', () => {
    it('S4-08 hold only what is not settled: acknowledged messages are trimmed, unread ones never', async () => {
      const prefix = `gw-test-${randomUUID()}`;
      const [bus, redis] = [busOn({ url: url.href, prefix, lengthMax: 50 }), new Redis(url.href)];
      const [word, heard] = [newWord(), new HeardMessages()];
      const stream = `{${prefix}}:bus:queue:${word}:0`;
      await bus.queues.create({ name: word, topic: word });
      await bus.publish(Array.from({ length: 50 }, () => newMessage(word)));
      await expect(bus.publish([newMessage(word)])).rejects.toMatchObject({
        code: 'messaging.not-confirmed',
        failed: [{ reason: `queue ${word} is full` }],
      });
      expect(await redis.xlen(stream)).toBe(50);
      await bus.subscribe({ topic: word, group: word, handle: heard.handle });
      await heard.until(50);
      await eventually(async () => (await redis.xlen(stream)) === 0);
      await bus.publish([newMessage(word)]);
      await heard.until(51);
      await bus.close();
      redis.disconnect();
      await removeAll(prefix);
    });

    it('are left alone by a consumer that lost its message to another: it cannot settle what it no longer holds', async () => {
      const prefix = `gw-test-${randomUUID()}`;
      const link = await TcpLink.to(Number(url.port), url.hostname);
      const idleMs = 300;
      const [cutOff, other] = [
        busOn({ url: `redis://127.0.0.1:${link.port}`, prefix, idleMs }),
        busOn({ url: url.href, prefix, idleMs }),
      ];
      const word = newWord();
      const [gate, held] = [Promise.withResolvers<void>(), new HeardMessages()];
      const group = { topic: word, group: word, isOrdered: true };
      await cutOff.subscribe({ ...group, handle: async (...given) => (await held.handle(...given), gate.promise) });
      await cutOff.publish([newMessage(word, 'a', { key: 'k' }), newMessage(word, 'b', { key: 'k' })]);
      await held.until(1);
      link.cut();
      const [second, taken] = [Promise.withResolvers<void>(), new HeardMessages()];
      await other.subscribe({ ...group, handle: async (...given) => (await taken.handle(...given), second.promise) });
      await taken.until(1);
      link.mend();
      await eventually(() => cutOff.ping().then(() => true));
      gate.resolve();
      await cutOff.close();
      expect(await other.queues.facts(word)).toMatchObject({ waiting: 1 });
      expect(taken.texts).toEqual(['a']);
      second.resolve();
      expect(await taken.until(2)).toEqual(['a', 'b']);
      await other.close();
      await link[Symbol.asyncDispose]();
      await removeAll(prefix);
    });
  });
});
