// The bus on Kafka keeps the contract of all, as far as a mock cluster can show it.
import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, jest } from '@jest/globals';
import {
  describeMessageBus,
  eventually,
  hasKafka,
  HeardMessages,
  KafkaCluster,
  MemoryLogger,
  MemoryMetrics,
  newMessage,
  newWord,
} from '@groundwork/testing';
import type { ISocketFactory } from 'kafkajs';
import { BrokeredMessageBus } from '../brokered-message-bus.ts';
import { KafkaBroker } from './kafka-broker.ts';

// Joining a group of the mock cluster takes three seconds, each time.
jest.setTimeout(120_000);
// The mock answers some handshakes of a group that changes with errors that no real coordinator gives.
jest.retryTimes(2, { logErrorsBeforeRetry: true });

const busOn = (cluster: KafkaCluster, prefix: string, socketFactory?: ISocketFactory): BrokeredMessageBus => {
  const settings = { brokers: cluster.brokers, prefix, sessionTimeoutMs: 6_000 };
  const broker = new KafkaBroker({ ...settings, ...(socketFactory === undefined ? {} : { socketFactory }) });
  return new BrokeredMessageBus(broker, { logger: new MemoryLogger(), metrics: new MemoryMetrics() });
};

// Needs kcat: `apt-get install kcat`.
(hasKafka() ? describe : describe.skip)('on Kafka', () => {
  describeMessageBus(
    'The bus on Kafka',
    { unroutable: 'kept', isManageable: false, settlesWithinMs: 40_000 },
    async () => {
      const [cluster, prefix] = [await KafkaCluster.start(), `gw-test-${randomUUID()}`];
      return {
        connect: async () => {
          const sockets = new CutSockets();
          return { bus: busOn(cluster, prefix, sockets.make), abandon: async () => sockets.cut() };
        },
        close: () => cluster[Symbol.asyncDispose](),
      };
    },
  );

  it('S4-08 puts messages of a key into one partition, and shares partitions anew when a member comes', async () => {
    await using cluster = await KafkaCluster.start();
    const [first, second] = [busOn(cluster, 'gw'), busOn(cluster, 'gw')];
    const word = newWord();
    const heard = [new HeardMessages(), new HeardMessages()];
    const group = { topic: `${word}.>`, group: word };
    await first.subscribe({ ...group, handle: heard[0]!.handle });
    const of = (round: number) =>
      Array.from({ length: 40 }, (_, n) => newMessage(`${word}.a`, String(round), { key: `key-${n}` }));
    await first.publish(of(0));
    await heard[0]!.until(40);
    await second.subscribe({ ...group, handle: heard[1]!.handle });
    let rounds = 1;
    await eventually(async () => {
      await first.publish(of(rounds++));
      await eventually(() => heard[0]!.messages.length + heard[1]!.messages.length >= rounds * 40, 20_000);
      return heard[1]!.messages.length > 0;
    }, 60_000);
    await first.publish(of(rounds++));
    await eventually(() => heard[0]!.messages.length + heard[1]!.messages.length >= rounds * 40, 20_000);
    const last = String(rounds - 1);
    const keysOf = ({ messages, texts }: HeardMessages): ReadonlySet<string> =>
      new Set(messages.filter((_, index) => texts[index] === last).map(({ key }) => key!));
    const [one, other] = [keysOf(heard[0]!), keysOf(heard[1]!)];
    expect(one.size + other.size).toBe(40);
    expect([...one].filter((key) => other.has(key))).toEqual([]);
    await Promise.all([first.close(), second.close()]);
  });
});

/** Sockets that end as those of a dead process do. */
class CutSockets {
  readonly #all = new Set<Socket>();
  #isCut = false;

  readonly make: ISocketFactory = ({ host, port, onConnect }) => {
    const socket = connect({ host, port: this.#isCut ? 1 : port }, onConnect);
    this.#all.add(socket);
    return socket;
  };

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#all) socket.destroy();
  }
}
