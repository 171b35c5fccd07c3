// What of an event can be found in the database, by people and by indexes.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ExactJson } from '@groundwork/application';
import { collected, newEvent, newId, newStream, newTenant } from '@groundwork/testing';
import { postgresUnderTest, type PostgresUnderTest, type Stores } from './postgres-under-test.ts';

let postgres: PostgresUnderTest;
let stores: Stores;
let administrator: PostgresUnderTest['administrator'];
beforeAll(async () => {
  postgres = await postgresUnderTest();
  stores = postgres.stores([{ type: 'ClientCreated', schemaVersion: 1 }]);
  ({ administrator } = postgres);
});
afterAll(() => postgres.close());

describe('an appended event', () => {
  it('S0-03, S2-27 comes back with its ten fields, and the view shows each under its name', async () => {
    const [tenant, stream, id] = [newTenant(), newStream('client'), newId()];
    const data = new ExactJson('{"commitNumber":1778192987716501507,"b":1,"a":[1.50]}');
    const metadata = { actor: 'ada', correlationId: 'c-1', causationId: 'k-1', requestId: 'r-1' };
    const validation = { rules: [{ rule: 'stream-order', outcome: 'passed' as const }], mappingVersion: 3 };
    const occurredAt = new Date('2024-04-09T20:19:25.123Z');
    await stores.events.append({
      tenant,
      stream,
      expected: 'no-stream',
      events: [{ ...newEvent('ClientCreated', data), id, metadata, validation, occurredAt, source: 'salesforce' }],
    });
    const [recorded] = await collected(stores.events.readStream(tenant, stream));
    expect(recorded).toMatchObject({
      id,
      stream,
      type: 'ClientCreated',
      occurredAt,
      schemaVersion: 1,
      dataText: data.text,
      metadata,
      validation,
      source: 'salesforce',
    });
    const { rows } = await administrator.query('select * from groundwork.recorded_event where event_id = $1', [id]);
    expect(rows[0]).toMatchObject({
      event_id: id,
      aggregate_id: stream.id,
      aggregate_type: 'client',
      event_type: 'ClientCreated',
      timestamp: occurredAt,
      version: 1,
      metadata,
      validation_info: validation,
      source: 'salesforce',
    });
    const exact = await administrator.query(
      `select data->>'commitNumber' as number from groundwork.recorded_event where validation_info->>'mappingVersion' = '3'`,
    );
    expect(exact.rows).toEqual([{ number: '1778192987716501507' }]);
  });

  it('S0-06 keeps when it happened and when it was recorded, in UTC to the millisecond, whatever zone a session has', async () => {
    const [tenant, stream, id] = [newTenant(), newStream('client'), newId()];
    const occurredAt = new Date('2024-03-31T01:30:00.987Z');
    const before = Date.now();
    await stores.events.append({
      tenant,
      stream,
      expected: 'no-stream',
      events: [{ ...newEvent('ClientCreated', {}), id, occurredAt }],
    });
    const [recorded] = await collected(stores.events.readStream(tenant, stream));
    expect(recorded!.occurredAt).toEqual(occurredAt);
    expect(recorded!.recordedAt.getTime()).toBeGreaterThanOrEqual(before - 1);
    expect(recorded!.recordedAt.getTime()).toBeLessThanOrEqual(Date.now() + 1);
    for (const zone of ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu']) {
      await administrator.query(`set timezone = '${zone}'`);
      const { rows } = await administrator.query(
        'select "timestamp" as happened from groundwork.recorded_event where event_id = $1',
        [id],
      );
      expect(rows).toEqual([{ happened: occurredAt }]);
    }
  });
});

describe('the log with a million events', () => {
  beforeAll(async () => {
    await administrator.query(MILLION);
  }, 180_000);

  const planOf = async (sql: string): Promise<string> => {
    const { rows } = await administrator.query<{ 'QUERY PLAN': string }>(`explain (costs off) ${sql}`);
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  };
  const queries = [
    {
      what: 'a stream',
      index: 'event_stream_version',
      where: `stream_id = 77 and stream_version >= 3 order by stream_version`,
    },
    {
      what: 'a type',
      index: 'event_by_type',
      where: `tenant = 't3' and type = 'RareHappened' and position > 5000 order by position limit 100`,
    },
    {
      what: 'a source',
      index: 'event_by_tenant',
      where: `tenant = 't3' and source = 'backfill' and position > 5000 order by position limit 100`,
    },
    {
      what: 'a small tenant',
      index: 'event_by_tenant',
      where: `tenant = 'small' and position > 5000 order by position limit 100`,
    },
    {
      what: 'a correlation',
      index: 'event_by_correlation',
      where: `tenant = 't3' and correlation_id = 'c-77' order by position limit 100`,
    },
    {
      what: 'an event',
      index: 'event_id',
      where: `event_id = '01a1fdb5-2153-7636-9fd6-88bd6d5824b3' and tenant = 't3'`,
    },
  ];
  it.each(queries)(
    'S0-28 reads $what by an index, before and after the table is analysed',
    async ({ index, where }) => {
      const sql = `select * from groundwork.event where ${where}`;
      const young = await planOf(sql);
      await administrator.query('analyze groundwork.event');
      for (const plan of [young, await planOf(sql)]) {
        expect(plan).not.toContain('Seq Scan');
        expect(plan).toContain('Index Scan');
      }
      expect(await planOf(sql)).toContain(index);
    },
  );

  it('S0-28 finds a rare type among a million events within a page', async () => {
    const page = await stores.events.query('t3' as never, { after: 0n, limit: 10, type: 'RareHappened' });
    expect(page.map((event) => event.type)).toEqual(Array.from({ length: 10 }, () => 'RareHappened'));
  });
});

const MILLION = `
  insert into groundwork.stream (stream_id, tenant, type, id) overriding system value
    select 1000 + n, case when n = 9 then 'small' else 't' || n % 5 end, 's', 'x' || n from generate_series(0, 99999) n;
  insert into groundwork.event (position, stream_id, stream_version, tenant, event_id, type, schema_version, source,
                                occurred_at, recorded_at, correlation_id, metadata, data)
    select 1000 + n, 1000 + n % 100000, 1 + n / 100000, case when n % 100000 = 9 then 'small' else 't' || n % 5 end,
           gen_random_uuid(),
           case when n % 1000 = 3 then 'RareHappened' else 'Happened' end, 1,
           case when n % 997 = 3 then 'backfill' else 'salesforce' end, now(), now(), 'c-' || n / 7, '{"actor":"test"}', '{}'
      from generate_series(1, 1000000) n;
`;
