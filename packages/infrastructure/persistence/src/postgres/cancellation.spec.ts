// A statement that nobody waits for any more does not run on.
import { eventually } from '@groundwork/testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';

let postgres: PostgresUnderTest;
beforeAll(async () => {
  postgres = await postgresUnderTest();
});
afterAll(() => postgres.close());

const NAP = { name: 'nap', text: 'select pg_sleep(60)' };

const running = async (applicationName: string): Promise<number> => {
  const { rows } = await postgres.administrator.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
      where application_name = $1 and state = 'active' and query like '%pg_sleep%'`,
    [applicationName],
  );
  return rows[0]!.count;
};

it('S3-33 a query that is aborted ends on the server, and its connection is given back', async () => {
  const database = postgres.connect('groundwork_app', { applicationName: 's3-33', poolSizeMax: 2 });
  const caller = new AbortController();
  const nap = database.query(NAP, caller.signal);
  await eventually(async () => (await running('s3-33')) === 1);

  caller.abort(new Error('The time is over.'));
  await expect(nap).rejects.toBeDefined();
  await eventually(async () => (await running('s3-33')) === 0);
  // The pool has room for one connection only.
  await expect(database.query({ name: 'ping', text: 'select 1 as one' })).resolves.toEqual([{ one: 1 }]);
  expect(database.pool).toMatchObject({ waitingCount: 0, idleCount: 1, totalCount: 1 });
});

it('S3-33 a query that was aborted before is not sent, and one that ends by itself leaves no trace', async () => {
  const database = postgres.connect('groundwork_app', { applicationName: 's3-33-before', poolSizeMax: 2 });
  await expect(database.query(NAP, AbortSignal.abort(new Error('Too late.')))).rejects.toThrow('Too late.');
  expect(await running('s3-33-before')).toBe(0);
  const caller = new AbortController();
  await expect(database.query({ name: 'ping', text: 'select 1 as one' }, caller.signal)).resolves.toEqual([{ one: 1 }]);
  caller.abort();
  await expect(database.query({ name: 'ping', text: 'select 1 as one' })).resolves.toEqual([{ one: 1 }]);
});
