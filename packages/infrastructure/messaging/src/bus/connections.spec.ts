// A bus keeps the connections it has made, however much goes over it.
import { describe, expect, it } from '@jest/globals';
import {
  BrokerServer,
  eventually,
  hasBrokerServer,
  HeardMessages,
  MemoryLogger,
  MemoryMetrics,
  newMessage,
  TcpLink,
  type BrokerName,
} from '@groundwork/testing';
import type { Broker } from './broker.ts';
import { BrokeredMessageBus } from './brokered-message-bus.ts';
import { NatsBroker } from './nats/nats-broker.ts';
import { RabbitBroker } from './rabbitmq/rabbitmq-broker.ts';
import { RedisBroker } from './redis/redis-broker.ts';

interface Case {
  readonly name: BrokerName;
  readonly connections: number;
  readonly broker: (settings: { readonly url: string; readonly prefix: string }) => Broker;
}

const cases: readonly Case[] = [
  { name: 'redis', connections: 2, broker: (settings) => new RedisBroker(settings) },
  { name: 'rabbitmq', connections: 1, broker: (settings) => new RabbitBroker(settings) },
  { name: 'nats', connections: 1, broker: (settings) => new NatsBroker(settings) },
];

// Each needs the server's program: `apt-get install redis-server rabbitmq-server nats-server`.
describe.each(cases)('The connections of a bus on $name', ({ name, connections, broker }) => {
  const when = hasBrokerServer(name) ? it : it.skip;

  when(
    `S4-61 stay ${connections} under load`,
    async () => {
      await using server = await BrokerServer.start(name);
      const url = new URL(server.url);
      await using link = await TcpLink.to(Number(url.port));
      url.host = `127.0.0.1:${link.port}`;
      const logger = new MemoryLogger();
      const bus = new BrokeredMessageBus(broker({ url: url.href, prefix: 'gw' }), {
        logger,
        metrics: new MemoryMetrics(),
      });
      const heard = new HeardMessages();
      const groups = ['one', 'two', 'three'];
      for (const group of groups) {
        await bus.subscribe({
          topic: 'load',
          group,
          isOrdered: group === 'two',
          concurrencyMax: 50,
          handle: heard.handle,
        });
      }
      await bus.respond({
        topic: 'ask',
        group: 'ask',
        answer: async ({ body }) => ({ contentType: 'text/plain', body }),
      });
      const work = Array.from({ length: 50 }, async (_, index) => {
        await bus.publish(Array.from({ length: 10 }, () => newMessage('load', 'x', { key: `key-${index}` })));
        await bus.request(newMessage('ask', String(index)), 20_000);
        await bus.queues.facts('one');
      });
      let most = 0;
      const watch = setInterval(() => (most = Math.max(most, link.open)), 5);
      await Promise.all(work);
      await heard.until(1_500);
      clearInterval(watch);
      expect(most).toBe(connections);
      expect(link.connections).toBe(connections);
      await bus.close();
      await eventually(() => link.open === 0);
    },
    120_000,
  );
});
