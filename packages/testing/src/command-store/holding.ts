// What a worker holds stays its own for as long as the worker lives, and nothing else does.
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../eventually.ts';
import { newTenant } from '../new-event.ts';
import type { CommandStoreUnderTest } from './command-store-contract.ts';
import {
  away,
  newConsumer,
  note,
  untilStatus,
  whileRunning,
  withClaim,
  type HandleNote,
} from './commands-under-test.ts';
import { newCommand } from './new-command.ts';

const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

export function describeHolding(store: () => CommandStoreUnderTest): void {
  describe('under a lease', () => {
    it('keeps what it runs and what waits behind it, however long it takes', async () => {
      const [tenant, leaseMs] = [newTenant(), 150];
      const commands = ['first', 'second'].map((text) => newCommand({ tenant, orderKeys: ['x'], payload: note(text) }));
      for (const command of commands) await store().commands.accept(command);
      const [begun, mayEnd, runs] = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), [] as string[]];
      const slow: HandleNote = async ({ text }) => {
        runs.push(text);
        begun.resolve();
        if (text === 'first') await mayEnd.promise;
        return {};
      };
      await whileRunning([newConsumer(store(), slow, { leaseMs })], async () => {
        await begun.promise;
        const stolen: unknown[] = [];
        const endsAt = performance.now() + 3 * leaseMs;
        while (performance.now() < endsAt) {
          stolen.push(...(await store().queue.claim('worker-2', 10, 60_000)));
          await nextTurn();
        }
        expect(stolen).toEqual([]);
        mayEnd.resolve();
        for (const { id } of commands) await untilStatus(store(), tenant, id, 'processed');
      });
      expect(runs).toEqual(['first', 'second']);
    });

    it('does not keep what a claim took whose answer was lost', async () => {
      const [tenant, { queue }] = [newTenant(), store()];
      const lost = newCommand({ tenant, payload: note('lost') });
      let claims = 0;
      const deafQueue = withClaim(queue, async (owner, limit, leaseMs) => {
        const claimed = await queue.claim(owner, limit, leaseMs);
        if (claimed.length > 0 && claims++ === 0) throw away();
        return claimed;
      });
      await store().commands.accept(lost);
      await whileRunning(
        [newConsumer({ ...store(), queue: deafQueue }, async () => ({}), { leaseMs: 30 })],
        async () => {
          expect(await untilStatus(store(), tenant, lost.id, 'processed')).toMatchObject({ attempts: 2 });
        },
      );
    });

    it('reports how much is open and for how long', async () => {
      const command = newCommand();
      await store().commands.accept(command);
      const mayEnd = Promise.withResolvers<void>();
      const consumer = newConsumer(
        store(),
        async () => {
          await mayEnd.promise;
          return {};
        },
        { reportIntervalMs: 5 },
      );
      await whileRunning([consumer], async () => {
        await eventually(() => consumer.metrics.value('groundwork_commands_oldest_seconds') > 0);
        expect(consumer.metrics.value('groundwork_commands_open')).toBe(1);
        mayEnd.resolve();
        await eventually(() => consumer.metrics.value('groundwork_commands_open') === 0);
        expect(consumer.metrics.value('groundwork_commands_oldest_seconds')).toBe(0);
      });
    });
  });
}
