// SIGTERM ends a worker after the messages that it has begun; the others stay with the broker.
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { BrokeredMessageBus, RabbitBroker } from '@groundwork/messaging';
import {
  BrokerServer,
  eventually,
  hasBrokerServer,
  MemoryLogger,
  MemoryMetrics,
  newMessage,
} from '@groundwork/testing';
import { startProgram } from './program.ts';

const LETTERS = 12;

// Needs RabbitMQ's program: `apt-get install rabbitmq-server`.
(hasBrokerServer('rabbitmq') ? describe : describe.skip)('A worker that is told to stop', () => {
  it('S4-09 ends the messages it has begun, begins no other, and gives the rest back', async () => {
    await using rabbitmq = await BrokerServer.start('rabbitmq');
    const broker = new RabbitBroker({ url: rabbitmq.url, prefix: 'groundwork' });
    const bus = new BrokeredMessageBus(broker, { logger: new MemoryLogger(), metrics: new MemoryMetrics() });
    const group = 'letters.post-office';
    const settings = { GW_STORE: 'memory', AMQP_URL: rabbitmq.url };
    const worker = startProgram(join(import.meta.dirname, 'post-office.ts'), settings);
    await eventually(async () => (await bus.queues.facts(group))?.consumers === 1, 60_000);
    await bus.publish(Array.from({ length: LETTERS }, () => newMessage('letters.sent')));
    const told = (word: string): string[] =>
      worker.lines.filter((line) => line.startsWith(word)).map((line) => line.slice(word.length + 1));
    await eventually(() => told('begun').length === 4, 30_000);
    worker.kill('SIGTERM');
    expect(await worker.exitCode).toBe(0);
    expect(told('ended').toSorted()).toEqual(told('begun').toSorted());
    expect(told('ended')).toHaveLength(4);
    expect(await bus.queues.facts(group)).toMatchObject({ waiting: LETTERS - 4, consumers: 0, deadLetters: 0 });
    await bus.close();
  }, 180_000);
});
