// Statements that follow each other on one connection, and what an error or a lost connection means to the others.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@groundwork/testing';
import { PipelinedConnection } from './pipelined-connection.ts';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';

const NAME = 'pipelined';

let postgres: PostgresUnderTest;
let connection: PipelinedConnection;
beforeAll(async () => {
  postgres = await postgresUnderTest();
  connection = new PipelinedConnection({ connectionString: postgres.url, application_name: NAME });
  await postgres.administrator.query('create table public.step (number int, at bigint default txid_current())');
});
afterAll(async () => {
  await connection.close();
  await postgres.close();
});

const sessions = async (): Promise<readonly number[]> =>
  (
    await postgres.administrator.query<{ pid: number }>(
      'select pid from pg_stat_activity where application_name = $1',
      [NAME],
    )
  ).rows.map(({ pid }) => pid);

const insert = (number: number): Promise<unknown> =>
  connection.query({ name: 'insert', text: 'insert into public.step (number) values ($1)', values: [number] });

const stored = async (): Promise<{ readonly number: number; readonly at: string }[]> =>
  (await postgres.administrator.query('select number, at from public.step order by at')).rows;

describe('PipelinedConnection', () => {
  it('runs statements in the order in which they were sent, each in its own transaction, on one session', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, number) => insert(number)));
    const steps = await stored();
    expect(steps.map(({ number }) => number)).toEqual(Array.from({ length: 50 }, (_, number) => number));
    expect(new Set(steps.map(({ at }) => at)).size).toBe(50);
    expect(await sessions()).toHaveLength(1);
  });

  it('ends the statement that fails, and none before or behind it', async () => {
    const [before, failed, behind] = await Promise.allSettled([
      insert(100),
      connection.query({ text: 'select 1 / 0' }),
      insert(101),
    ]);
    expect([before!.status, failed!.status, behind!.status]).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await stored()).slice(-2).map(({ number }) => number)).toEqual([100, 101]);
  });

  it('rejects what was under way when the session ended, and makes a new one for what comes next', async () => {
    const [pid] = await sessions();
    const underWay = Promise.allSettled([connection.query({ text: 'select pg_sleep(60)' }), insert(200)]);
    await eventually(async () => {
      const { rows } = await postgres.administrator.query(
        'select from pg_stat_activity where pid = $1 and wait_event = $2',
        [pid, 'PgSleep'],
      );
      return rows.length > 0;
    });
    await postgres.administrator.query('select pg_terminate_backend($1, 5000)', [pid]);
    expect((await underWay).map(({ status }) => status)).toEqual(['rejected', 'rejected']);

    await insert(201);
    expect((await stored()).map(({ number }) => number)).not.toContain(200);
    expect(await sessions()).not.toContain(pid);
  });

  it('connects again after an attempt that failed', async () => {
    const url = new URL(postgres.url);
    url.port = '1';
    const nobody = new PipelinedConnection({ connectionString: url.href });
    await expect(nobody.query({ text: 'select 1' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(nobody.query({ text: 'select 1' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await nobody.close();
  });

  it('lets what is under way end before it closes', async () => {
    const closing = new PipelinedConnection({ connectionString: postgres.url, application_name: 'closing' });
    const running = [1, 2].map((one) =>
      closing.query({ text: 'select pg_sleep(0.05), $1::int as one', values: [one] }),
    );
    await running[0];
    await closing.close();
    expect((await running[1])!.rows).toEqual([expect.objectContaining({ one: 2 })]);
  });
});
