// A table with rows is changed while it is written to, stopped, killed and taken up again.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@groundwork/testing';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { checkDataMigration, runDataMigration, type DataMigration } from './data-migration.ts';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';

const ROWS = 5_000;
const inBatches = { batchSizeMax: 250, pauseMs: 0 };
const foldNames: DataMigration = { name: 'shop.fold-names', table: 'shop.item', set: { folded: 'lower(name)' } };

describe('a data migration', () => {
  let postgres: PostgresUnderTest;
  const ask = async <R extends object>(sql: string): Promise<R[]> => (await postgres.administrator.query<R>(sql)).rows;
  const progress = (): Promise<unknown[]> =>
    ask('select done::int, changed::int, ended_at is not null as ended from groundwork.data_migration');

  beforeAll(async () => {
    postgres = await postgresUnderTest();
    await ask(`create schema shop authorization groundwork_owner`);
    await ask(
      `create table shop.item (tenant text, number int, name text not null, folded text, primary key (tenant, number))`,
    );
    await ask(
      'alter table shop.item owner to groundwork_owner; alter table shop.item enable row level security, force row level security',
    );
    await ask('create policy owner_all on shop.item to groundwork_owner using (true) with check (true)');
  });
  afterAll(() => postgres.close());
  beforeEach(() =>
    ask(`truncate shop.item, groundwork.data_migration;
         insert into shop.item select 'tenant-' || n % 3, n, 'Name ' || n, case when n % 5 = 0 then 'name ' || n end
           from generate_series(1, ${ROWS}) n`),
  );

  it('S4-05 tells beforehand what it would change, and changes nothing', async () => {
    const check = await checkDataMigration(postgres.url, foldNames);
    expect(check).toMatchObject({ rows: ROWS, differing: ROWS - ROWS / 5 });
    expect(check.actualChecksum).not.toBe(check.expectedChecksum);
    expect(await ask('select count(folded)::int as filled from shop.item')).toEqual([{ filled: ROWS / 5 }]);
  });

  it('S4-05 changes every row in batches, tells how far it is, and is verified by counts and checksums', async () => {
    const told: number[] = [];
    const end = await runDataMigration(postgres.url, foldNames, {
      ...inBatches,
      onProgress: ({ done }) => told.push(done),
    });
    expect(end).toEqual({ done: ROWS, total: ROWS, changed: ROWS - ROWS / 5, isEnded: true });
    expect(told.slice(0, 3)).toEqual([250, 500, 750]);
    const check = await checkDataMigration(postgres.url, foldNames);
    expect(check).toEqual({
      rows: ROWS,
      differing: 0,
      expectedChecksum: check.actualChecksum,
      actualChecksum: check.actualChecksum,
    });
    const [{ transactions }] = (await ask<{ transactions: number }>(
      'select count(distinct xmin::text)::int as transactions from shop.item where number % 5 > 0',
    )) as [{ transactions: number }];
    expect(transactions).toBe(ROWS / inBatches.batchSizeMax);
  });

  it('S4-05 back-fills a column while programs write the table: nothing they wrote is lost', async () => {
    const written = new Map<number, string>();
    let isOver = false;
    const write = async (first: number): Promise<void> => {
      for (let n = first; !isOver; n = (n + 617) % ROWS) {
        const name = `Changed ${n} ${written.size}`;
        await postgres.administrator.query('update shop.item set name = $2, folded = lower($2) where number = $1', [
          n + 1,
          name,
        ]);
        written.set(n + 1, name);
      }
    };
    const writers = [1, 2].map(write);
    await runDataMigration(postgres.url, foldNames, { ...inBatches, pauseMs: 2 });
    isOver = true;
    await Promise.all(writers);
    expect(written.size).toBeGreaterThan(20);
    expect((await checkDataMigration(postgres.url, foldNames)).differing).toBe(0);
    const rows = await ask<{ number: number; name: string }>('select number, name from shop.item');
    for (const { number, name } of rows) expect(name).toBe(written.get(number) ?? `Name ${number}`);
  });

  it('S4-05 goes on where it was when its process was killed', async () => {
    const child = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `
        const { runDataMigration } = await import(${JSON.stringify(join(import.meta.dirname, 'data-migration.ts'))});
        const { url, migration } = JSON.parse(process.env.WORK);
        await runDataMigration(url, migration, { batchSizeMax: 100, pauseMs: 5, onProgress: ({ done }) => console.log(done) });`,
      ],
      {
        env: { PATH: process.env['PATH'], WORK: JSON.stringify({ url: postgres.url, migration: foldNames }) },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let last = 0;
    child.stdout.on('data', (text: Buffer) => (last = Number(text.toString().trim().split('\n').at(-1))));
    await eventually(() => last >= 500, 20_000);
    child.kill('SIGKILL');
    await once(child, 'exit');

    const [kept] = (await progress()) as [{ done: number; ended: boolean }];
    expect(kept.ended).toBe(false);
    expect(kept.done).toBeGreaterThanOrEqual(500);
    const told: number[] = [];
    const end = await runDataMigration(postgres.url, foldNames, {
      ...inBatches,
      onProgress: ({ done }) => told.push(done),
    });
    expect(told[0]).toBe(kept.done + inBatches.batchSizeMax);
    expect(end).toEqual({ done: ROWS, total: ROWS, changed: ROWS - ROWS / 5, isEnded: true });
  });

  it('S4-05 stops after a batch when it is told to, and begins anew once it has ended', async () => {
    const stop = AbortSignal.abort();
    expect(await runDataMigration(postgres.url, foldNames, { ...inBatches, stop })).toMatchObject({
      done: 0,
      isEnded: false,
    });
    await runDataMigration(postgres.url, foldNames, inBatches);
    await ask(`update shop.item set folded = 'wrong' where number < 11`);
    expect(await runDataMigration(postgres.url, foldNames, inBatches)).toMatchObject({ done: ROWS, changed: 10 });
  });

  it('S4-05 is run by two processes at once as by one', async () => {
    const ends = await Promise.all([1, 2].map(() => runDataMigration(postgres.url, foldNames, inBatches)));
    expect(ends.every(({ isEnded }) => isEnded)).toBe(true);
    expect(await progress()).toEqual([{ done: ROWS, changed: ROWS - ROWS / 5, ended: true }]);
  });

  it('leaves the table alone when an expression is wrong, and refuses one without a primary key', async () => {
    const wrong = { ...foldNames, set: { folded: 'lower(nickname)' } };
    await expect(runDataMigration(postgres.url, wrong, inBatches)).rejects.toThrow('nickname');
    const unknown = { ...foldNames, table: 'shop.box' };
    await expect(runDataMigration(postgres.url, unknown, inBatches)).rejects.toMatchObject({
      code: 'data-migration.no-primary-key',
    });
    expect(await ask('select count(folded)::int as filled from shop.item')).toEqual([{ filled: ROWS / 5 }]);
  });
});
