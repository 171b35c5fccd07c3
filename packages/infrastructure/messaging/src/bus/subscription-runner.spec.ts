// What a subscription makes of the counts that brokers keep, told by deliveries of chosen counts.
import { expect, it } from '@jest/globals';
import { MemoryLogger, MemoryMetrics, newMessage } from '@groundwork/testing';
import type { Broker, Delivery } from './broker.ts';
import { busMeters } from './bus-meters.ts';
import { CONSUMER_DEFAULTS, SubscriptionRunner } from './subscription-runner.ts';

it.each([
  { redeliveries: 3, outcome: 'acknowledged', handled: 1 },
  { redeliveries: 11, outcome: 'dead', handled: 0 },
])(
  'S4-09 hands over what was only given back, and ends what kills its consumers ($redeliveries redeliveries)',
  async ({ redeliveries, outcome, handled }) => {
    const [logger, settled, attempts] = [new MemoryLogger(), Promise.withResolvers<string>(), [] as number[]];
    const delivery: Delivery = {
      message: newMessage('a'),
      redeliveries,
      isLost: false,
      acknowledge: async () => settled.resolve('acknowledged'),
      giveBack: async () => settled.resolve('given back'),
      deadLetter: async () => settled.resolve('dead'),
    };
    const broker = {
      consume: async (_queue: unknown, _heldMax: number, deliver: (delivery: Delivery) => void) => {
        deliver(delivery);
        return { stop: async () => undefined, close: async () => undefined };
      },
    };
    const runner = new SubscriptionRunner({
      queue: { name: 'a', topic: 'a', isOrdered: false, isTransient: false },
      handle: async (_message, { attempt }) => void attempts.push(attempt),
      limits: { ...CONSUMER_DEFAULTS, attemptsMax: 1 },
      logger,
      meters: busMeters(new MemoryMetrics()),
    });
    await runner.start(broker as unknown as Broker);
    expect(await settled.promise).toBe(outcome);
    expect(attempts).toHaveLength(handled);
    await runner.stop();
  },
);
