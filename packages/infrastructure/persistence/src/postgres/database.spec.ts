// The pool of a process: one, bounded, and back by itself after whatever happened to its connections.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Database } from './database.ts';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';

let postgres: PostgresUnderTest;
let administrator: PostgresUnderTest['administrator'];
beforeAll(async () => {
  postgres = await postgresUnderTest();
  ({ administrator } = postgres);
});
afterAll(() => postgres.close());

const sessionsOf = async (applicationName: string): Promise<{ count: number; idle_in_transaction: number }> =>
  (
    await administrator.query<{ count: number; idle_in_transaction: number }>(
      `select count(*)::int as count, (count(*) filter (where state like 'idle in transaction%'))::int as idle_in_transaction
         from pg_stat_activity where application_name = $1 and datname = current_database()`,
      [applicationName],
    )
  ).rows[0]!;

const ping = { name: 'ping', text: 'select 1 as one' };

describe('Database', () => {
  it('S0-20, S1-49 opens at most poolSizeMax connections for 200 parallel requests', async () => {
    const database = postgres.connect('groundwork_app', { applicationName: 's0-20', poolSizeMax: 5 });
    const slow = { name: 'slow', text: 'select pg_sleep(0.02)' };
    const ask = [() => database.query(slow), () => database.queryInOrder(slow)] as const;
    const requests = Promise.all(Array.from({ length: 200 }, (_, n) => ask[n % 10 === 0 ? 1 : 0]()));
    let most = 0;
    let done = false;
    void requests.finally(() => (done = true));
    while (!done) most = Math.max(most, (await sessionsOf('s0-20')).count);
    await requests;
    expect(most).toBe(5);
  });

  it('S0-21 gives every session its limits, its name and its role', async () => {
    const database = postgres.connect('groundwork_worker', {
      applicationName: 's0-21',
      statementTimeoutMs: 12_345,
      lockTimeoutMs: 2_345,
      idleTransactionTimeoutMs: 34_567,
    });
    const show = async (setting: string): Promise<unknown> =>
      (
        await database.query<{ value: string }>({
          name: `show ${setting}`,
          text: `select current_setting('${setting}') as value`,
        })
      )[0]!.value;
    expect(await show('statement_timeout')).toBe('12345ms');
    expect(await show('lock_timeout')).toBe('2345ms');
    expect(await show('idle_in_transaction_session_timeout')).toBe('34567ms');
    expect(await show('application_name')).toBe('s0-21');
    expect(await show('role')).toBe('groundwork_worker');
    expect(await show('timezone')).toBe('UTC');
  });

  it('S0-22, S1-49 answers the next request after every pooled connection was terminated', async () => {
    const database = postgres.connect('groundwork_app', { applicationName: 's0-22' });
    await Promise.all(Array.from({ length: 10 }, () => database.query({ name: 'nap', text: 'select pg_sleep(0.05)' })));
    expect((await sessionsOf('s0-22')).count).toBe(9);
    await administrator.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 's0-22'`,
    );
    expect(await database.query(ping)).toEqual([{ one: 1 }]);
    for (const request of [
      () => database.transaction('demo', ({ query }) => query(ping)),
      () => database.withEntities('demo', (manager) => manager.query('select 1 as one')),
    ]) {
      await Promise.all(
        Array.from({ length: 10 }, () => database.query({ name: 'nap', text: 'select pg_sleep(0.05)' })),
      );
      await administrator.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 's0-22'`,
      );
      expect(await request()).toEqual([{ one: 1 }]);
    }
  });

  it('S0-24 leaves nothing behind after 1,000 failing scopes', async () => {
    const database = postgres.connect('groundwork_app', {
      applicationName: 's0-24',
      poolSizeMax: 4,
      statementTimeoutMs: 100,
    });
    const failures = [
      () => database.transaction('demo', async () => Promise.reject(new Error('no'))),
      () => database.transaction('demo', ({ query }) => query({ name: 'fails', text: 'select 1 / 0' })),
      () => database.withEntities('demo', async () => Promise.reject(new Error('no'))),
    ];
    const failing = Array.from({ length: 1_000 }, (_, n) =>
      n % 250 === 0
        ? database.transaction('demo', ({ query }) => query({ name: 'late', text: 'select pg_sleep(5)' }))
        : failures[n % failures.length]!(),
    );
    const outcomes = await Promise.allSettled(failing);
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    expect(database.pool).toMatchObject({ waitingCount: 0 });
    expect(database.pool.idleCount).toBe(database.pool.totalCount);
    expect((await sessionsOf('s0-24')).idle_in_transaction).toBe(0);
    expect(await database.query(ping)).toEqual([{ one: 1 }]);
  });

  it('commits what resolves and rolls back what rejects, TypeORM on the same pool', async () => {
    const database = postgres.connect('groundwork_owner', { applicationName: 'one-pool', poolSizeMax: 2 });
    const insert = (id: string) =>
      `insert into groundwork.aggregate_state (tenant, type, id, stream_version, state) values ('demo', 'note', '${id}', 1, '{}')`;
    await database.withEntities('demo', (manager) => manager.query(insert('kept')));
    await expect(
      database.withEntities('demo', async (manager) => {
        await manager.query(insert('dropped'));
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    const rows = await database.transaction('demo', ({ query }) =>
      query({ name: 'ids', text: 'select id from groundwork.aggregate_state' }),
    );
    expect(rows).toEqual([{ id: 'kept' }]);
    expect((await sessionsOf('one-pool')).count).toBeLessThanOrEqual(2);
  });

  it('S0-40 frees everything at the end, twice without harm, and says so to whoever comes later', async () => {
    const database: Database = postgres.connect('groundwork_app', { applicationName: 's0-40' });
    let open = 0;
    database.pool.on('connect', () => open++);
    database.pool.on('remove', () => open--);
    await Promise.all(Array.from({ length: 8 }, () => database.query({ name: 'nap', text: 'select pg_sleep(0.05)' })));
    await database.queryInOrder(ping);
    expect(open).toBe(8);
    await database.close();
    expect([open, (await sessionsOf('s0-40')).count]).toEqual([0, 0]);
    await database.close();
    await expect(database.query(ping)).rejects.toMatchObject({ code: 'database.closed' });
    await expect(database.transaction('demo', async () => undefined)).rejects.toMatchObject({
      code: 'database.closed',
    });
  });

  it('says that the database is unavailable, with a time to come back, when nobody answers', async () => {
    const nobody = new URL(postgres.url);
    nobody.port = '1';
    const database = postgres.connect('groundwork_app', { url: nobody.href });
    await expect(database.query(ping)).rejects.toMatchObject({ code: 'database.unavailable', retryAfterSeconds: 1 });
    await expect(database.transaction('demo', async () => undefined)).rejects.toMatchObject({
      code: 'database.unavailable',
    });
    await expect(database.withEntities('demo', async () => undefined)).rejects.toMatchObject({
      code: 'database.unavailable',
    });
  });
});
