// That PostgreSQL itself tells others of a worker's death, and that the lease alone counts where it cannot.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Projection, Slice } from '@groundwork/application';
import { eventually, MemoryLogger, newCommand } from '@groundwork/testing';
import { PostgresCommandQueue } from './postgres-command-queue.ts';
import { PostgresCommandStore } from './postgres-command-store.ts';
import { PostgresProjectionStore } from './postgres-projection-store.ts';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';
import { Signals } from './signals.ts';

const LONG_MS = 600_000;
const list: Projection = {
  name: 'contract.lifeline-list',
  schemaVersion: 1,
  table: { schema: 'contract', name: 'note', columns: { id: 'text' }, key: 'id' },
  eventTypes: ['NoteWritten'],
  keyOf: ({ stream }) => stream.id,
  apply: (row) => row,
};

let postgres: PostgresUnderTest;
beforeEach(async () => {
  postgres = await postgresUnderTest();
  // Right behind a restart of PostgreSQL nobody can tell who lives.
  await eventually(async () => {
    const { rows } = await postgres.administrator.query('select groundwork.living_lifelines() as known');
    return (rows as { known: unknown }[])[0]!.known !== null;
  });
});
afterEach(() => postgres.close());

/** One process: a pool, the connection that listens, and what works on them. */
function newWorker(owner: string) {
  const database = postgres.connect('groundwork_worker');
  const signals = new Signals(database, postgres.url, new MemoryLogger());
  const [store, queue] = [new PostgresProjectionStore(database, signals), new PostgresCommandQueue(database, signals)];
  return {
    store,
    signals,
    commands: new PostgresCommandStore(database, signals),
    lease: (sliceCountMax = 4): Promise<readonly Slice[]> => store.lease(list, owner, LONG_MS, sliceCountMax),
    claim: () => queue.claim(owner, 10, LONG_MS),
    renew: () => queue.renew(owner, LONG_MS),
    renewSlices: () => store.renew(list, owner, LONG_MS),
    /** Waits until its lifeline is held; a worker has one as soon as it waits for anything. */
    live: async () => {
      void signals.wait('log', LONG_MS);
      await eventually(() => signals.lifeline);
    },
  };
}
type TestWorker = ReturnType<typeof newWorker>;

/** What is left of a process that was killed: PostgreSQL has noticed that its connections are closed. */
async function killed({ signals }: TestWorker): Promise<void> {
  const lifeline = signals.lifeline;
  await signals.close();
  await eventually(async () => {
    const { rowCount } = await postgres.administrator.query(
      "select from pg_locks where locktype = 'advisory' and objid = $1",
      [lifeline],
    );
    return rowCount === 0;
  });
}

describe('The lifeline of a worker', () => {
  let [first, second]: TestWorker[] = [];
  beforeEach(async () => {
    [first, second] = ['worker-1', 'worker-2'].map(newWorker);
    await first!.store.register(list, 4);
  });
  afterEach(async () => {
    for (const { signals } of [first!, second!]) await signals.close();
  });

  it('gives its slices and commands to another worker as soon as it is cut, whatever the leases say', async () => {
    await first!.live();
    const held = await first!.lease();
    await first!.commands.accept(newCommand());
    expect(await first!.claim()).toHaveLength(1);
    expect([(await second!.lease()).length, (await second!.claim()).length]).toEqual([0, 0]);

    await killed(first!);
    const taken = await second!.lease();
    expect(taken.map(({ slice }) => slice)).toEqual([0, 1, 2, 3]);
    expect(await second!.claim()).toMatchObject([{ attempts: 2 }]);
    await expect(first!.store.advance(list, held[0]!, 1n, async () => undefined)).rejects.toMatchObject({
      code: 'projection.checkpoint-moved',
    });
  });

  it('leaves a share to every worker that lives, and none to one that does not', async () => {
    await first!.live();
    await first!.lease();
    await second!.live();
    await second!.lease();
    expect([(await first!.lease()).length, (await second!.lease()).length]).toEqual([2, 2]);
    await killed(first!);
    expect(await second!.lease()).toHaveLength(4);
  });

  it.each([
    [3, [1, 1, 2]],
    [5, [0, 1, 1, 1, 1]],
  ])('shares 4 slices evenly among %i workers, whoever came first', async (count, shares) => {
    const workers = Array.from({ length: count }, (_, n) => newWorker(`of-${count}-${n}`));
    let held: readonly number[] = [];
    // Whoever holds too much gives it free at its own look, and the others find it at theirs.
    for (let look = 0; look < 4; look++) {
      held = [];
      for (const worker of workers) held = [...held, (await worker.lease()).length];
    }
    expect(held.toSorted()).toEqual(shares);
  });

  it('takes nothing from a worker that cannot hold one, and nothing when it comes later than the lease', async () => {
    await first!.lease();
    await first!.commands.accept(newCommand());
    await first!.claim();
    expect([(await second!.lease()).length, (await second!.claim()).length]).toEqual([0, 0]);

    await first!.live();
    await first!.lease();
    await first!.renew();
    await killed(first!);
    expect([(await second!.lease()).length, (await second!.claim()).length]).toEqual([4, 1]);
  });

  it('is no longer counted on once a worker that has lost it renews its leases', async () => {
    await first!.live();
    await first!.lease();
    const cut = newWorker('worker-1');
    await killed(first!);
    await cut.renewSlices();
    expect(await second!.lease()).toEqual([]);
    await cut.signals.close();
  });

  it('is held again when the connection was lost, and meanwhile the renewed lease alone counts', async () => {
    await first!.live();
    await postgres.administrator.query(
      "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'groundwork-listen' and datname = current_database()",
    );
    await eventually(() => first!.signals.lifeline === undefined);
    await first!.lease();
    expect(await second!.lease()).toEqual([]);
    await eventually(() => first!.signals.lifeline);
  });
});
