// How the worker runs commands: in order where order matters, and never wrong about a fault that passes.
import { describe, expect, it } from '@jest/globals';
import { ExactJson, type CommandStore } from '@groundwork/application';
import { Refusal } from '@groundwork/domain';
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

type Store = () => CommandStoreUnderTest;
const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

export function describeConsuming(store: Store): void {
  describe('by the worker', () => {
    describeEndings(store);
    describeOrder(store);
    describeFaults(store);
    describeStopping(store);
  });
}

function describeEndings(store: Store): void {
  it('keeps the result of what a handler did, with the circumstances of the command', async () => {
    const command = newCommand({ payload: note('hello'), requestId: 'r-1', ifMatch: 3 });
    const seen: unknown[] = [];
    const consumer = newConsumer(store(), async (payload, context) => {
      seen.push(payload, context);
      return { position: '12', streamVersion: 4 };
    });
    await whileRunning([consumer], async () => {
      await store().commands.accept(command);
      const done = await untilStatus(store(), command.tenant, command.id, 'processed');
      expect(done).toMatchObject({ result: { position: '12', streamVersion: 4 }, attempts: 1 });
    });
    expect(seen).toEqual([
      { text: 'hello' },
      {
        commandId: command.id,
        tenant: command.tenant,
        actor: command.actor,
        correlationId: 'correlation-1',
        requestId: 'r-1',
        ifMatch: 3,
        now: expect.any(Date),
      },
    ]);
    const labels = { type: command.type, outcome: 'processed' };
    expect(consumer.metrics.observed('groundwork_command_duration_seconds', labels)).toHaveLength(1);
    expect(consumer.consumer.lastBeatAt).toBeInstanceOf(Date);
    const { type: commandType, correlationId, tenant } = command;
    expect(consumer.logger.lines).toEqual([
      {
        level: 'info',
        message: 'A command was processed.',
        fields: { commandId: command.id, commandType, tenant, correlationId, attempts: 1 },
      },
    ]);
  });

  const failures = [
    { what: 'a refusal', form: {}, code: 'note.refused', kind: 'refusal' },
    {
      what: 'a payload that the schema refuses',
      form: { payload: note('') },
      code: 'command.invalid-payload',
      kind: 'invalid',
    },
    {
      what: 'a payload that is not JSON',
      form: { payload: new ExactJson('{') },
      code: 'json.malformed',
      kind: 'invalid',
    },
    {
      what: 'a sender without the permission',
      form: { actor: { subject: 'eve', permissions: ['notes:read'] } },
      code: 'security.not-permitted',
      kind: 'not-permitted',
    },
  ];
  it.each(failures)('fails a command for $what, once and for all', async ({ form, code, kind }) => {
    const command = newCommand(form);
    const consumer = newConsumer(store(), async () => {
      throw new Refusal('note.refused', 'No.', 'Ask again.', { limit: 3 });
    });
    await whileRunning([consumer], async () => {
      await store().commands.accept(command);
      const failed = await untilStatus(store(), command.tenant, command.id, 'failed');
      expect(failed).toMatchObject({ error: { code, kind }, attempts: 1 });
    });
  });
}

function describeOrder(store: Store): void {
  it('runs commands that share a key one after the other as accepted, and others side by side', async () => {
    const [tenant, order, running] = [newTenant(), new Map<string, string[]>(), new Map<string, number>()];
    let [runningMost, overlaps] = [0, 0];
    const handle: HandleNote = async ({ text }) => {
      const [key, n] = text.split('#') as [string, string];
      running.set(key, (running.get(key) ?? 0) + 1);
      if (running.get(key) !== 1) overlaps++;
      runningMost = Math.max(
        runningMost,
        [...running.values()].reduce((sum, count) => sum + count, 0),
      );
      await nextTurn();
      order.set(key, [...(order.get(key) ?? []), n]);
      running.set(key, 0);
      return {};
    };
    const keys = ['a', 'b', 'c', 'd'];
    const commands = Array.from({ length: 40 }, (_, index) => {
      const key = keys[index % keys.length]!;
      return newCommand({ tenant, orderKeys: [key], payload: note(`${key}#${index}`) });
    });
    const consumers = ['worker-1', 'worker-2'].map((owner) =>
      newConsumer(store(), handle, { owner, concurrencyMax: 6 }),
    );
    await whileRunning(consumers, async () => {
      for (const command of commands) await store().commands.accept(command);
      for (const command of commands) await untilStatus(store(), tenant, command.id, 'processed');
    });
    for (const [index, key] of keys.entries()) {
      expect(order.get(key)).toEqual(Array.from({ length: 10 }, (_, round) => String(index + round * 4)));
    }
    expect(overlaps).toBe(0);
    expect(runningMost).toBeGreaterThan(1);
  });

  it('lets no command overtake one of its key that has to be tried again', async () => {
    const [tenant, order] = [newTenant(), [] as string[]];
    let failures = 3;
    const consumer = newConsumer(store(), async ({ text }) => {
      if (text === '0' && failures-- > 0) throw away();
      order.push(text);
      return {};
    });
    const commands = Array.from({ length: 5 }, (_, n) =>
      newCommand({ tenant, orderKeys: ['x'], payload: note(`${n}`) }),
    );
    for (const command of commands) await store().commands.accept(command);
    await whileRunning([consumer], async () => {
      for (const command of commands) await untilStatus(store(), tenant, command.id, 'processed');
    });
    expect(order).toEqual(['0', '1', '2', '3', '4']);
    for (const { id } of commands) expect((await store().commands.get(tenant, id))!.attempts).toBe(1);
  });
}

/** With a command that fails, but not with a store that was away. */
const PATIENT = { retryDelayMs: 60_000, retryDelayMaxMs: 60_000 };

function describeFaults(store: Store): void {
  it('tries a command again for as long as a part is away, without counting', async () => {
    const command = newCommand();
    let failures = 12;
    const consumer = newConsumer(store(), async () => {
      if (failures-- > 0) throw away();
      return { streamVersion: 1 };
    });
    await whileRunning([consumer], async () => {
      await store().commands.accept(command);
      const done = await untilStatus(store(), command.tenant, command.id, 'processed');
      expect(done).toMatchObject({ attempts: 1, error: undefined });
    });
    expect(consumer.metrics.value('groundwork_command_retries_total', { type: command.type })).toBe(12);
  });

  it('tells the store what became of a command until it has heard, without running the command again', async () => {
    const command = newCommand();
    let [failures, runs] = [4, 0];
    const { commands } = store();
    const deafStore = { ...store(), commands: deaf(commands, () => failures-- > 0) };
    const consumer = newConsumer(deafStore, async () => ({ run: ++runs }), PATIENT);
    await whileRunning([consumer], async () => {
      await commands.accept(command);
      const done = await untilStatus(store(), command.tenant, command.id, 'processed');
      expect(done.result).toEqual({ run: 1 });
    });
  });

  it('goes on when the queue was away', async () => {
    const command = newCommand();
    let failures = 3;
    const { queue } = store();
    const awayQueue = withClaim(queue, (owner, limit, leaseMs) =>
      failures-- > 0 ? Promise.reject(away()) : queue.claim(owner, limit, leaseMs),
    );
    const consumer = newConsumer({ ...store(), queue: awayQueue }, async () => ({}), PATIENT);
    await whileRunning([consumer], async () => {
      await store().commands.accept(command);
      await untilStatus(store(), command.tenant, command.id, 'processed');
    });
  });
}

function describeStopping(store: Store): void {
  it('ends what runs and gives back what has not begun', async () => {
    const tenant = newTenant();
    const commands = Array.from({ length: 3 }, () => newCommand({ tenant, orderKeys: ['x'] }));
    for (const command of commands) await store().commands.accept(command);
    const [begun, mayEnd, stop] = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), new AbortController()];
    const { consumer } = newConsumer(store(), async () => {
      begun.resolve();
      await mayEnd.promise;
      return {};
    });
    const running = consumer.run(stop.signal);
    await begun.promise;
    stop.abort();
    mayEnd.resolve();
    await running;

    const statuses = await Promise.all(commands.map(({ id }) => store().commands.get(tenant, id)));
    expect(statuses.map((command) => command!.status)).toEqual(['processed', 'pending', 'pending']);
    expect(await store().queue.claim('worker-2', 10, 60_000)).toHaveLength(2);
  });

  it('takes over what another worker left behind', async () => {
    const command = newCommand();
    await store().commands.accept(command);
    await store().queue.claim('worker-gone', 1, 1);
    await whileRunning([newConsumer(store(), async () => ({ streamVersion: 1 }))], async () => {
      const done = await untilStatus(store(), command.tenant, command.id, 'processed');
      expect(done.attempts).toBe(2);
    });
  });
}

/** The same store, which does not hear what became of a command for as long as `isDeaf` says so. */
const deaf = (store: CommandStore, isDeaf: () => boolean): CommandStore => ({
  accept: (command) => store.accept(command),
  get: (tenant, id) => store.get(tenant, id),
  getAll: (tenant, ids) => store.getAll(tenant, ids),
  ofCorrelation: (tenant, id, query) => store.ofCorrelation(tenant, id, query),
  list: (tenant, query) => store.list(tenant, query),
  retry: (tenant, id) => store.retry(tenant, id),
  complete: (command, owner, result) => (isDeaf() ? Promise.reject(away()) : store.complete(command, owner, result)),
  fail: (command, owner, error) => store.fail(command, owner, error),
  release: (command, owner, delayMs) => store.release(command, owner, delayMs),
});
