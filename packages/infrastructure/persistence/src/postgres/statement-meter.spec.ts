// Nothing is sent to PostgreSQL unmeasured, and what is slow is told without its values.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MemoryLogger, MemoryMetrics } from '@groundwork/testing';
import type pg from 'pg';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';
import { normalisedSql } from './statement-meter.ts';

const DURATION = 'db_client_operation_duration_seconds';

let postgres: PostgresUnderTest;
beforeAll(async () => {
  postgres = await postgresUnderTest();
});
afterAll(() => postgres.close());

describe('the duration of database operations', () => {
  it('S0-49 is measured by operation and outcome, for every statement that a connection is given', async () => {
    const metrics = new MemoryMetrics();
    const database = postgres.connect('groundwork_app', { metrics });
    await database.withEntities('demo', (manager) => manager.query('select 1'));
    const sent = countStatements(database.pool);
    const seen = (operation: string, outcome: string): number =>
      metrics.observed(DURATION, { operation, outcome }).length;
    const entitiesBefore = seen('entity_select', 'ok');

    await database.query({ name: 'read_one', text: 'select 1' });
    await expect(database.query({ name: 'fail', text: 'select 1 / 0' })).rejects.toThrow('division');
    await database.transaction('demo', async ({ query, setTenant }) => {
      await query({ name: 'read_two', text: 'select 2' });
      await setTenant('other');
    });
    await database.withEntities('demo', (manager) => manager.query('select 3'));
    const failing = database.withEntities('demo', (manager) => manager.query('select 1 / 0'));
    await expect(failing).rejects.toThrow('division');

    expect(seen('read_one', 'ok')).toBe(1);
    expect(seen('fail', 'error')).toBe(1);
    expect(seen('read_two', 'ok')).toBe(1);
    expect(seen('entity_select', 'ok') - entitiesBefore).toBe(1);
    expect(seen('entity_select', 'error')).toBe(1);
    // What the first call of all sent was measured, too, but not counted.
    const before = { begin: 1, set_tenant: 1, transaction_state: 1, commit: 1, rollback: 0 };
    const own = { begin: 3, set_tenant: 3, transaction_state: 1, commit: 2, rollback: 1 };
    for (const operation of ['begin', 'set_tenant', 'transaction_state', 'commit', 'rollback'] as const) {
      expect([operation, seen(operation, 'ok')]).toEqual([operation, before[operation] + own[operation]]);
    }
    expect(sent()).toBe(5 + Object.values(own).reduce((sum, count) => sum + count));
  });

  it('S0-49 makes a slow statement a line in the log, with its SQL and duration and without its values', async () => {
    const logger = new MemoryLogger();
    const database = postgres.connect('groundwork_app', { logger, slowQueryMs: 100 });
    const sql = `select pg_sleep($1),
        'a name' as "column 7" -- why
      where 12 < 13`;
    await database.query({ name: 'read_slowly', text: sql, values: [0.2] });
    await database.withEntities('demo', (manager) => manager.query('select pg_sleep($1), $2', [0.2, 'a parameter']));
    await database.query({ name: 'read_quickly', text: 'select 1' });

    const slow = logger.lines.filter(({ message }) => message === 'A statement was slow.');
    expect(slow.map(({ fields }) => fields)).toEqual([
      {
        operation: 'read_slowly',
        sql: 'select pg_sleep($1), ? as "column 7" where ? < ?',
        tookMs: expect.any(Number),
      },
      { operation: 'entity_select', sql: 'select pg_sleep($1), $2', tookMs: expect.any(Number) },
    ]);
    for (const { fields } of slow) expect(fields['tookMs']).toBeGreaterThanOrEqual(190);
    expect(JSON.stringify(logger.lines)).not.toMatch(/a name|a parameter|0\.2/);
  });

  it.each([
    ['select * from s0.t1 where a = $1 and b = 42', 'select * from s0.t1 where a = $1 and b = ?'],
    [`set local groundwork.tenant = 'it''s -- ours'`, 'set local groundwork.tenant = ?'],
    [String.raw`select E'it\'s', 'back\', timestamp'2020-01-01'`, 'select ?, ?, timestamp?'],
    [`select "it's", $body$ secret 'x' $body$, 1.5e3 /* 'c' */ , 2`, `select "it's", ?, ? , ?`],
  ])('shows %s as %s', (sql, shown) => {
    expect(normalisedSql(sql)).toBe(shown);
  });
});

/** Counts, from now on, what is handed to the connections of the pool. */
function countStatements(pool: pg.Pool): () => number {
  let sent = 0;
  const watched = new Set<pg.PoolClient>();
  pool.on('acquire', (client) => {
    if (watched.has(client)) return;
    watched.add(client);
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      sent++;
      return query(...args);
    }) as never;
  });
  return () => sent;
}
