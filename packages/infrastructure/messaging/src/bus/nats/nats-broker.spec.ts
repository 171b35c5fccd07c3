// The bus on NATS JetStream keeps the contract of all, on a real server.
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
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers } from '@nats-io/transport-node';
import { BrokeredMessageBus } from '../brokered-message-bus.ts';
import { NatsBroker } from './nats-broker.ts';

const server = await serverUnderTest('nats');
const url = server?.url ?? new URL('nats://nowhere');
afterAll(() => server?.close());

const busOn = (through: string, prefix: string): BrokeredMessageBus =>
  new BrokeredMessageBus(new NatsBroker({ url: through, prefix, ackWaitMs: 900 }), {
    logger: new MemoryLogger(),
    metrics: new MemoryMetrics(),
  });

// Needs nats-server with JetStream: `apt-get install nats-server`, or GW_TEST_NATS_URL.
(server ? describe : describe.skip)('on NATS', () => {
  describeMessageBus(
    'The bus on NATS JetStream',
    { unroutable: 'kept', isManageable: true, settlesWithinMs: 10_000 },
    async () => {
      const prefix = `gw-test-${randomUUID()}`;
      const links: TcpLink[] = [];
      return {
        connect: async () => {
          const link = await TcpLink.to(Number(url.port), url.hostname);
          links.push(link);
          return { bus: busOn(`nats://127.0.0.1:${link.port}`, prefix), abandon: async () => link.cut() };
        },
        close: async () => {
          for (const link of links) await link[Symbol.asyncDispose]();
          await removeAll(prefix);
        },
      };
    },
  );

  it('S2-32 keeps what no queue takes in the stream, and knows a repeated message by its id', async () => {
    const prefix = `gw-test-${randomUUID()}`;
    const bus = busOn(url.href, prefix);
    const [word, heard] = [newWord(), new HeardMessages()];
    const [early, repeated] = [newMessage(`${word}.early`, 'early'), newMessage(`${word}.late`, 'late')];
    await bus.publish([early]);
    const connection = await connect({ servers: url.host });
    const manager = await jetstreamManager(connection);
    const kept = await manager.streams.getMessage(prefix, { last_by_subj: `${prefix}.message.*.${early.topic}` });
    expect(kept!.string()).toBe('early');
    await connection.close();
    await bus.subscribe({ topic: `${word}.*`, group: word, handle: heard.handle });
    await bus.publish([repeated]);
    await bus.publish([repeated, newMessage(`${word}.last`, 'last')]);
    expect([...(await heard.until(2))].sort()).toEqual(['last', 'late']);
    await bus.close();
    await removeAll(prefix);
  });

  it('S4-07 skips what other programs put into the stream and nobody can read, says so, and goes on', async () => {
    const [prefix, logger] = [`gw-test-${randomUUID()}`, new MemoryLogger()];
    const broker = new NatsBroker({ url: url.href, prefix, ackWaitMs: 900, logger });
    const bus = new BrokeredMessageBus(broker, { logger, metrics: new MemoryMetrics() });
    const [word, heard] = [newWord(), new HeardMessages()];
    await bus.subscribe({ topic: word, group: word, concurrencyMax: 1, handle: heard.handle });
    const connection = await connect({ servers: url.host });
    const undecodable = headers();
    undecodable.set('x-note', '100%');
    await jetstream(connection).publish(`${prefix}.message.3.${word}`, 'one', { headers: undecodable });
    await jetstream(connection).publish(`${prefix}.message.3.${word}`, 'other');
    await connection.close();
    await bus.publish([newMessage(word, 'ours')]);
    expect(await heard.until(1)).toEqual(['ours']);
    const skipped = () => logger.lines.filter(({ message }) => message.startsWith('What stands in the stream'));
    await eventually(() => skipped().length >= 2);
    await bus.close();
    await removeAll(prefix);
  });
});

async function removeAll(prefix: string): Promise<void> {
  const connection = await connect({ servers: url.host });
  const manager = await jetstreamManager(connection);
  for (const stream of [prefix, `${prefix}-dead`, `${prefix}-again`]) await manager.streams.delete(stream);
  await connection.close();
}
