// When the worker stops trying: only for what the command itself seems to cause, and never for good.
import { ATTEMPTS_IN_COMPANY_MAX, type StoredCommand } from '@groundwork/application';
import type { TenantId } from '@groundwork/domain';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../eventually.ts';
import type { CommandStoreUnderTest } from './command-store-contract.ts';
import { newConsumer, note, untilStatus, whileRunning } from './commands-under-test.ts';
import { newTenant } from '../new-event.ts';
import { newCommand } from './new-command.ts';

export function describeGivingUp(store: () => CommandStoreUnderTest): void {
  describeErrors(store);
  describeEndedProcesses(store);
  describeSuspects(store);
}

function describeErrors(store: () => CommandStoreUnderTest): void {
  describe('until it gives up', () => {
    it('lets a command wait that this version of the program does not know', async () => {
      const command = newCommand({ type: 'notes.from-the-future' });
      const consumer = newConsumer(store(), async () => ({}), { attemptsMax: 1 });
      const retries = (): number =>
        consumer.metrics.value('groundwork_command_retries_total', { type: 'notes.from-the-future' });
      await whileRunning([consumer], async () => {
        await store().commands.accept(command);
        await eventually(() => retries() >= 3);
      });
      expect(await store().commands.get(command.tenant, command.id)).toMatchObject({ status: 'pending', attempts: 0 });
    });

    it('gives a command up after so many errors that nobody foresaw, and tries it anew when an operator says so', async () => {
      const command = newCommand({ payload: note('secret') });
      let runs = 0;
      const broken = newConsumer(
        store(),
        async ({ text }) => {
          runs++;
          throw new TypeError(`cannot read ${text}`);
        },
        { attemptsMax: 4 },
      );
      await store().commands.accept(command);
      await whileRunning([broken], async () => {
        const { error, attempts } = await untilStatus(store(), command.tenant, command.id, 'failed');
        expect({ attempts, runs }).toEqual({ attempts: 4, runs: 4 });
        expect(error).toMatchObject({
          code: 'command.gave-up',
          details: { attempts: 4, lastError: { code: 'command.unexpected', message: 'TypeError' } },
        });
        expect(JSON.stringify(error)).not.toContain('secret');
      });
      await store().commands.retry(command.tenant, command.id);
      await whileRunning([newConsumer(store(), async () => ({}))], async () => {
        expect(await untilStatus(store(), command.tenant, command.id, 'processed')).toMatchObject({ attempts: 1 });
      });
    });
  });
}

function describeEndedProcesses(store: () => CommandStoreUnderTest): void {
  describe('when processes end under its hands', () => {
    it('gives a command up that ends its process again and again, before it does so once more', async () => {
      const [command, attemptsMax] = [newCommand(), 3];
      await store().commands.accept(command);
      for (let n = 1; n <= attemptsMax; n++) {
        await eventually(async () => (await store().queue.claim(`worker-killed-${n}`, 1, 1)).length === 1);
      }
      let runs = 0;
      const consumer = newConsumer(store(), async () => ({ runs: ++runs }), { attemptsMax });
      await whileRunning([consumer], async () => {
        const { error } = await untilStatus(store(), command.tenant, command.id, 'failed');
        expect(error).toMatchObject({ code: 'command.gave-up', details: { lastError: { code: 'command.no-end' } } });
      });
      expect(runs).toBe(0);
    });
  });
}

function describeSuspects(store: () => CommandStoreUnderTest): void {
  describe('who was cut off often', () => {
    it('runs alone: behind what runs, before what waits, one after the other', async () => {
      const tenant = newTenant();
      const before = await accept(store, tenant, ['before-1', 'before-2']);
      const held = await store().queue.claim('held', before.length, 60_000);
      await acceptSuspects(store, tenant, ['suspect-1', 'suspect-2']);
      await accept(store, tenant, ['after']);
      for (const command of held) await store().queue.putBack(command, 'held', 0);

      const [running, mayEnd] = [new Set<string>(), new Map<string, () => void>()];
      const consumer = newConsumer(store(), async ({ text }) => {
        running.add(text);
        await new Promise<void>((resolve) => mayEnd.set(text, resolve));
        running.delete(text);
        return {};
      });
      const groups = [['before-1', 'before-2'], ['suspect-1'], ['suspect-2'], ['after']];
      const seen: string[][] = [];
      await whileRunning([consumer], async () => {
        for (const group of groups) {
          await eventually(() => group.every((text) => running.has(text)));
          // Whoever does not wait would begin by now.
          await new Promise((resolve) => setTimeout(resolve, 100));
          seen.push([...running].toSorted());
          for (const text of running) mayEnd.get(text)!();
        }
      });
      expect(seen).toEqual(groups);
    });

    it('is waited for one lease long at most: when it hangs, all others go on, and it stays where it is', async () => {
      const [tenant, mayEnd] = [newTenant(), Promise.withResolvers<void>()];
      const suspects = ['hangs', ...Array.from({ length: 8 }, (_, n) => `suspect-${n}`)];
      const [hanging, ...quick] = await acceptSuspects(store, tenant, suspects);
      quick.push(...(await accept(store, tenant, ['after'])));
      const consumer = newConsumer(
        store(),
        async ({ text }) => {
          if (text === 'hangs') await mayEnd.promise;
          return {};
        },
        { leaseMs: 1_000 },
      );
      await whileRunning([consumer], async () => {
        try {
          // The last one first: there is time for one lease, not for one lease each.
          for (const { id } of quick.toReversed()) await untilStatus(store(), tenant, id, 'processed');
          expect((await store().commands.get(tenant, hanging!.id))!.status).toBe('consumed');
        } finally {
          mayEnd.resolve();
        }
        const { attempts } = await untilStatus(store(), tenant, hanging!.id, 'processed');
        expect(attempts).toBe(ATTEMPTS_IN_COMPANY_MAX + 1);
      });
    });
  });
}

async function accept(
  store: () => CommandStoreUnderTest,
  tenant: TenantId,
  texts: readonly string[],
): Promise<StoredCommand[]> {
  const accepted: StoredCommand[] = [];
  for (const text of texts) {
    accepted.push((await store().commands.accept(newCommand({ tenant, payload: note(text) }))).command);
  }
  return accepted;
}

/** Commands whose workers have ended under them as often as makes them suspects. Nothing else may be free. */
async function acceptSuspects(
  store: () => CommandStoreUnderTest,
  tenant: TenantId,
  texts: readonly string[],
): Promise<StoredCommand[]> {
  const accepted = await accept(store, tenant, texts);
  for (let n = 1; n <= ATTEMPTS_IN_COMPANY_MAX; n++) {
    await eventually(
      async () => (await store().queue.claim(`worker-killed-${n}`, texts.length, 1)).length === texts.length,
    );
  }
  return accepted;
}
