// The part of the contract about running commands: who takes which one when, and how it ends.
import { describe, expect, it } from '@jest/globals';
import { ATTEMPTS_IN_COMPANY_MAX, type NewCommand, type StoredCommand } from '@groundwork/application';
import { eventually } from '../eventually.ts';
import { newTenant } from '../new-event.ts';
import type { CommandStoreUnderTest } from './command-store-contract.ts';
import { newCommand } from './new-command.ts';

const LONG_MS = 60_000;

export function describeClaiming(store: () => CommandStoreUnderTest): void {
  describe('claiming', () => {
    describeOrder(store);
    describeLeases(store);
    describeRenewing(store);
    describeSuspects(store);
    describeEndings(store);
    describeBacklog(store);
    describeWaiting(store);
  });
}

const idsOf = (commands: readonly StoredCommand[]): string[] => commands.map(({ id }) => id);

const nonEmpty = <T>(items: readonly T[]): readonly T[] | false => items.length > 0 && items;

async function accepted(store: () => CommandStoreUnderTest, ...commands: NewCommand[]): Promise<string[]> {
  for (const command of commands) await store().commands.accept(command);
  return commands.map(({ id }) => id);
}

function describeOrder(store: () => CommandStoreUnderTest): void {
  it('hands commands out in the order of acceptance over all tenants, each to one owner', async () => {
    const ids = await accepted(store, newCommand(), newCommand(), newCommand());
    const first = await store().queue.claim('worker-1', 2, LONG_MS);
    const second = await store().queue.claim('worker-2', 5, LONG_MS);
    expect(idsOf(first)).toEqual(ids.slice(0, 2));
    expect(idsOf(second)).toEqual(ids.slice(2));
    expect(first[0]).toMatchObject({ status: 'consumed', attempts: 1 });
    expect(await store().queue.claim('worker-3', 5, LONG_MS)).toEqual([]);
  });

  it('gives no command twice to owners that claim at the same time', async () => {
    await accepted(store, ...Array.from({ length: 40 }, () => newCommand()));
    const claims = await Promise.all(
      Array.from({ length: 8 }, (_, worker) => store().queue.claim(`worker-${worker}`, 10, LONG_MS)),
    );
    const rest = await store().queue.claim('worker-9', 100, LONG_MS);
    const ids = idsOf([...claims.flat(), ...rest]);
    expect(ids).toHaveLength(40);
    expect(new Set(ids).size).toBe(40);
  });

  it('keeps commands with a common order key together: the later ones wait for another owner to finish', async () => {
    const tenant = newTenant();
    const [a, b, , d] = await accepted(
      store,
      newCommand({ tenant, orderKeys: ['x'] }),
      newCommand({ tenant, orderKeys: ['y', 'x'] }),
      newCommand({ tenant, orderKeys: ['y'] }),
      newCommand({ tenant, orderKeys: ['z'] }),
    );
    const [first] = await store().queue.claim('worker-1', 1, LONG_MS);
    expect(first!.id).toBe(a);
    expect(idsOf(await store().queue.claim('worker-2', 10, LONG_MS))).toEqual([d]);
    await store().commands.complete(first!, 'worker-1', {});
    expect((await store().queue.claim('worker-2', 10, LONG_MS))[0]!.id).toBe(b);
  });

  it('hands the owner of a key the later commands of that key, too, in order', async () => {
    const tenant = newTenant();
    const keyed = (): NewCommand => newCommand({ tenant, orderKeys: ['x'] });
    const ids = await accepted(store, keyed(), keyed(), keyed());
    expect(idsOf(await store().queue.claim('worker-1', 2, LONG_MS))).toEqual(ids.slice(0, 2));
    expect(idsOf(await store().queue.claim('worker-1', 2, LONG_MS))).toEqual(ids.slice(2));
  });

  it('does not mix up the order keys of tenants', async () => {
    await accepted(store, newCommand({ orderKeys: ['x'] }), newCommand({ orderKeys: ['x'] }));
    expect(await store().queue.claim('worker-1', 1, LONG_MS)).toHaveLength(1);
    expect(await store().queue.claim('worker-2', 1, LONG_MS)).toHaveLength(1);
  });
}

function describeLeases(store: () => CommandStoreUnderTest): void {
  it('gives a command to the next owner when the lease runs out, and ignores the first owner from then on', async () => {
    const command = newCommand();
    await accepted(store, command);
    const [stuck] = await store().queue.claim('worker-1', 1, 1);
    const taken = await eventually(async () => (await store().queue.claim('worker-2', 1, LONG_MS))[0]);
    expect(taken).toMatchObject({ id: command.id, attempts: 2 });

    await store().commands.complete(stuck!, 'worker-1', { streamVersion: 1 });
    await store().commands.fail(stuck!, 'worker-1', { code: 'note.refused', message: 'No.' });
    await store().commands.release(stuck!, 'worker-1', 0);
    const present = await store().commands.get(command.tenant, command.id);
    expect(present).toMatchObject({ status: 'consumed', result: undefined, error: undefined });
    await store().commands.complete(taken, 'worker-2', { streamVersion: 2 });
    expect((await store().commands.get(command.tenant, command.id))!.result).toEqual({ streamVersion: 2 });
  });

  it('takes a command that was put back again after its delay, as if it had not been tried', async () => {
    const command = newCommand();
    await accepted(store, command);
    const [first] = await store().queue.claim('worker-1', 1, LONG_MS);
    await store().queue.putBack(first!, 'worker-2', 0);
    expect(await store().commands.get(command.tenant, command.id)).toMatchObject({ status: 'consumed', attempts: 1 });
    await store().queue.putBack(first!, 'worker-1', 100);
    expect(await store().commands.get(command.tenant, command.id)).toMatchObject({ status: 'pending', attempts: 0 });
    expect(await store().queue.claim('worker-1', 1, LONG_MS)).toEqual([]);
    const [again] = await eventually(async () => nonEmpty(await store().queue.claim('worker-1', 1, LONG_MS)));
    expect(again).toMatchObject({ id: command.id, attempts: 1 });
  });

  it('lets an owner whose lease ran out finish what nobody has taken over', async () => {
    const command = newCommand();
    await accepted(store, command);
    const [claimed] = await store().queue.claim('worker-1', 1, 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await store().commands.complete(claimed!, 'worker-1', { streamVersion: 1 });
    expect(await store().commands.get(command.tenant, command.id)).toMatchObject({ status: 'processed' });
  });

  it('lets a worker finish what a process accepted for itself and left behind', async () => {
    const command = newCommand({ consumedBy: { owner: 'api-1', leaseMs: 1 } });
    await accepted(store, command);
    const taken = await eventually(async () => (await store().queue.claim('worker-1', 1, LONG_MS))[0]);
    expect(taken.id).toBe(command.id);
  });

  it('takes a released command again after its delay, and lets none of its key overtake it', async () => {
    const tenant = newTenant();
    const ids = await accepted(
      store,
      newCommand({ tenant, orderKeys: ['x'] }),
      newCommand({ tenant, orderKeys: ['x'] }),
    );
    const [first] = await store().queue.claim('worker-1', 1, LONG_MS);
    await store().commands.release(first!, 'worker-1', 100);
    expect(await store().commands.get(tenant, first!.id)).toMatchObject({ status: 'pending', attempts: 1 });
    expect(await store().queue.claim('worker-1', 10, LONG_MS)).toEqual([]);
    const again = await eventually(async () => nonEmpty(await store().queue.claim('worker-1', 10, LONG_MS)));
    expect(idsOf(again)).toEqual(ids);
    expect(again[0]!.attempts).toBe(2);
  });
}

function describeRenewing(store: () => CommandStoreUnderTest): void {
  it('leaves a command to its owner for as long as it renews the lease, and not a moment longer', async () => {
    const { queue } = store();
    const [kept, , left] = await accepted(store, newCommand(), newCommand(), newCommand());
    const [, second] = await queue.claim('worker-1', 2, 300);
    await store().commands.complete(second!, 'worker-1', {});
    await queue.claim('worker-gone', 1, 300);
    await queue.renew('worker-1', LONG_MS);
    expect(idsOf(await eventually(async () => nonEmpty(await queue.claim('worker-2', 10, LONG_MS))))).toEqual([left]);

    await queue.renew('worker-1', 1);
    expect(idsOf(await eventually(async () => nonEmpty(await queue.claim('worker-2', 10, LONG_MS))))).toEqual([kept]);
  });

  it('never gives an owner again what it has consumed itself', async () => {
    const command = newCommand();
    await accepted(store, command);
    await store().queue.claim('worker-1', 1, 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await store().queue.claim('worker-1', 10, LONG_MS)).toEqual([]);
    await store().queue.renew('worker-1', LONG_MS);
    expect(await store().queue.claim('worker-1', 10, LONG_MS)).toEqual([]);
    expect(await store().commands.get(command.tenant, command.id)).toMatchObject({ status: 'consumed', attempts: 1 });
  });
}

function describeSuspects(store: () => CommandStoreUnderTest): void {
  it('hands out alone what may have ended the processes of workers: an end counts for no other', async () => {
    const { queue } = store();
    const suspects = await accepted(store, newCommand(), newCommand());
    for (let n = 1; n <= ATTEMPTS_IN_COMPANY_MAX; n++) {
      await eventually(async () => (await queue.claim(`worker-killed-${n}`, 2, 1)).length === 2);
    }
    expect(idsOf(await eventually(async () => nonEmpty(await queue.claim('b', 10, LONG_MS))))).toEqual([suspects[0]]);
    const innocent = await accepted(store, newCommand(), newCommand());
    expect(idsOf(await queue.claim('c', 10, LONG_MS))).toEqual([suspects[1]]);
    expect(idsOf(await queue.claim('c', 10, LONG_MS))).toEqual(innocent);
  });

  it('hands out what comes before a suspect first', async () => {
    const { queue } = store();
    const [before, suspect, after] = await accepted(store, newCommand(), newCommand(), newCommand());
    const [held] = await queue.claim('held', 1, LONG_MS);
    for (let n = 1; n <= ATTEMPTS_IN_COMPANY_MAX; n++) {
      const [begun] = await eventually(async () => nonEmpty(await queue.claim(`worker-${n}`, 1, LONG_MS)));
      await store().commands.release(begun!, `worker-${n}`, 0);
    }
    await queue.putBack(held!, 'held', 0);
    expect(idsOf(await queue.claim('a', 10, LONG_MS))).toEqual([before]);
    expect(idsOf(await queue.claim('a', 10, LONG_MS))).toEqual([suspect]);
    expect(idsOf(await queue.claim('a', 10, LONG_MS))).toEqual([after]);
  });
}

function describeEndings(store: () => CommandStoreUnderTest): void {
  it('keeps the error of a failed command, and makes it pending again on request', async () => {
    const command = newCommand();
    await accepted(store, command);
    const [claimed] = await store().queue.claim('worker-1', 1, LONG_MS);
    const error = { code: 'note.refused', message: 'No.', next: 'Ask again.', details: { limit: 3 } };
    await store().commands.fail(claimed!, 'worker-1', error);
    expect(await store().commands.get(command.tenant, command.id)).toMatchObject({ status: 'failed', error });
    expect(await store().queue.claim('worker-1', 1, LONG_MS)).toEqual([]);

    expect(await store().commands.retry(command.tenant, command.id)).toMatchObject({
      status: 'pending',
      attempts: 0,
      error: undefined,
    });
    const [again] = await store().queue.claim('worker-1', 1, LONG_MS);
    expect(again).toMatchObject({ id: command.id, attempts: 1 });
  });

  it('takes a retried command behind those of its key that are open, and lets later ones wait for it', async () => {
    const tenant = newTenant();
    const keyed = (): NewCommand => newCommand({ tenant, orderKeys: ['x'] });
    const [failed, open] = await accepted(store, keyed(), keyed());
    const [first] = await store().queue.claim('worker-1', 1, LONG_MS);
    await store().commands.fail(first!, 'worker-1', { code: 'note.refused', message: 'No.' });
    const [running] = await store().queue.claim('worker-2', 1, LONG_MS);
    expect(running!.id).toBe(open);
    await store().commands.retry(tenant, first!.id);
    const [later] = await accepted(store, keyed());
    expect(await store().queue.claim('worker-3', 10, LONG_MS)).toEqual([]);
    await store().commands.complete(running!, 'worker-2', {});
    expect(idsOf(await store().queue.claim('worker-3', 10, LONG_MS))).toEqual([failed, later]);
  });

  it('leaves a command that has not failed as it is when asked to retry', async () => {
    const command = newCommand();
    await accepted(store, command);
    const [claimed] = await store().queue.claim('worker-1', 1, LONG_MS);
    await store().commands.complete(claimed!, 'worker-1', { streamVersion: 4 });
    const retried = await store().commands.retry(command.tenant, command.id);
    expect(retried).toMatchObject({ status: 'processed', result: { streamVersion: 4 } });
  });
}

function describeBacklog(store: () => CommandStoreUnderTest): void {
  it('tells how many commands of all tenants are open, and since when the oldest is', async () => {
    const { commands, queue } = store();
    expect(await queue.backlog()).toEqual({ open: 0, oldestAcceptedAt: undefined });
    const oldest = await commands.accept(newCommand());
    await new Promise((resolve) => setTimeout(resolve, 5));
    const next = await commands.accept(newCommand());
    await commands.accept(newCommand());
    expect(await queue.backlog()).toEqual({ open: 3, oldestAcceptedAt: oldest.command.acceptedAt });
    const [claimed] = await queue.claim('worker-1', 1, LONG_MS);
    expect(await queue.backlog()).toMatchObject({ open: 3 });
    await commands.fail(claimed!, 'worker-1', { code: 'note.refused', message: 'No.' });
    expect(await queue.backlog()).toEqual({ open: 2, oldestAcceptedAt: next.command.acceptedAt });
  });
}

function describeWaiting(store: () => CommandStoreUnderTest): void {
  it('ends a wait when a command is accepted, when the time is over, and when told to stop', async () => {
    const stop = new AbortController();
    const stopped = store().queue.waitForCommands(LONG_MS, stop.signal);
    stop.abort();
    await stopped;
    await store().queue.waitForCommands(1);

    // A signal may be missed, so commands come until one arrives.
    let isWaiting = true;
    const woken = store()
      .queue.waitForCommands(LONG_MS)
      .then(() => (isWaiting = false));
    while (isWaiting) {
      await accepted(store, newCommand());
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await woken;
    expect((await store().queue.claim('worker-1', 1, LONG_MS)).length).toBe(1);
  });
}
