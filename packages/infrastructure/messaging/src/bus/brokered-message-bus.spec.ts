// What the bus tells about its work, and what it refuses whatever carries it.
import { describe, expect, it } from '@jest/globals';
import { MessageRejected } from '@groundwork/application';
import { eventually, MemoryLogger, MemoryMetrics, newMessage } from '@groundwork/testing';
import { BrokeredMessageBus } from './brokered-message-bus.ts';
import { MemoryBroker } from './memory/memory-broker.ts';

describe('The message bus', () => {
  it('counts what was published and handled by queue, and knows no subscriber without a group by name', async () => {
    const [logger, metrics] = [new MemoryLogger(), new MemoryMetrics()];
    const bus = new BrokeredMessageBus(new MemoryBroker(), { logger, metrics });
    const gate = Promise.withResolvers<void>();
    await bus.subscribe({ topic: 'kiln.lit', group: 'bell', handle: () => gate.promise });
    await bus.subscribe({ topic: 'kiln.*', handle: async () => undefined });
    await bus.subscribe({
      topic: 'kiln.cold',
      group: 'critic',
      handle: () => Promise.reject(new MessageRejected('kiln.cold', 'It is cold.', 'Light it.')),
    });
    const [lit, cold] = [newMessage('kiln.lit'), newMessage('kiln.cold')];
    await bus.publish([lit, cold]);
    await expect(bus.publish([newMessage('kettle.lit')])).rejects.toMatchObject({ code: 'messaging.not-confirmed' });
    await eventually(() => metrics.value('groundwork_messages_in_hand', { queue: 'bell' }) === 1);
    gate.resolve();
    const handled = (queue: string, outcome: string): number =>
      metrics.observed('groundwork_message_handling_duration_seconds', { queue, outcome }).length;
    await eventually(() => handled('bell', 'acknowledged') === 1 && handled('critic', 'dead-lettered') === 1);
    await eventually(() => handled('transient', 'acknowledged') === 2);
    expect(metrics.value('groundwork_messages_published_total', { outcome: 'confirmed' })).toBe(2);
    expect(metrics.value('groundwork_messages_published_total', { outcome: 'unconfirmed' })).toBe(1);
    expect(metrics.value('groundwork_messages_in_hand', { queue: 'bell' })).toBe(0);
    const [line] = logger.lines.filter(({ level }) => level === 'error');
    expect(line).toMatchObject({
      message: 'A message became a dead letter.',
      fields: { queue: 'critic', topic: 'kiln.cold', messageId: cold.id, attempts: 1 },
    });
    await bus.close();
  });

  it.each([{ concurrencyMax: 0 }, { attemptsMax: 1.5 }, { handlerTimeLimitMs: NaN }])('refuses %j', async (limits) => {
    const bus = new BrokeredMessageBus(new MemoryBroker(), {
      logger: new MemoryLogger(),
      metrics: new MemoryMetrics(),
    });
    const subscribed = bus.subscribe({ topic: 'kiln.lit', handle: async () => undefined, ...limits });
    await expect(subscribed).rejects.toMatchObject({ code: 'messaging.invalid-limit' });
    await bus.close();
  });
});
