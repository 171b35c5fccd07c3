// Snapshots in PostgreSQL: one round trip, one row, and none that is damaged or ahead of the log is believed.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { EventSourcedAggregates, Snapshots } from '@groundwork/application';
import type { TenantId } from '@groundwork/domain';
import { counter, newEvent, newStream, newTenant } from '@groundwork/testing';
import { z } from 'zod';
import { postgresUnderTest, type PostgresUnderTest, type Stores } from './postgres-under-test.ts';

let postgres: PostgresUnderTest;
let stores: Stores;
let counters: EventSourcedAggregates<{ count: number }, { type: 'CounterIncreased'; data: { by: number } }>;
beforeAll(async () => {
  postgres = await postgresUnderTest();
  stores = postgres.stores(counter.eventTypes);
  const schema = z.object({ count: z.int() });
  const snapshots = new Snapshots({ schemaVersion: 1, everyEvents: 10, schema });
  counters = new EventSourcedAggregates(stores.events, counter.streamType, { ...counter, snapshots });
});
afterAll(() => postgres.close());

/** A counter of 13 events, with a snapshot behind the first ten. */
async function thirteen(): Promise<TenantId> {
  const tenant = newTenant();
  const stream = { type: counter.streamType, id: 'c-1' };
  const events = (count: number) => Array.from({ length: count }, () => newEvent('CounterIncreased', { by: 1 }));
  const snapshot = { schemaVersion: 1, stateText: '{"count":10}' };
  await stores.events.append({ tenant, stream, expected: 0, events: events(10), snapshot });
  await stores.events.append({ tenant, stream, expected: 10, events: events(3) });
  return tenant;
}

describe('a snapshot in PostgreSQL', () => {
  it('S1-08 comes with the later events in one round trip: one row for each', async () => {
    const tenant = await thirteen();
    const sent = jest.spyOn(stores.app, 'query');
    expect(await counters.load(tenant, 'c-1')).toEqual({ state: { count: 13 }, streamVersion: 13 });
    // The appends before may still be announced to others.
    const reads = sent.mock.results.filter((_, at) => sent.mock.calls[at]![0].name !== 'announce');
    expect(reads).toHaveLength(1);
    expect(await reads[0]!.value).toHaveLength(1 + 3);
    sent.mockRestore();
  });

  it.each([
    { what: 'edited', sql: `update groundwork.snapshot set state = '{"count":70}' where tenant = $1` },
    { what: 'damaged', sql: `update groundwork.snapshot set digest = '\\x00' where tenant = $1` },
    { what: 'lost', sql: `delete from groundwork.snapshot where tenant = $1` },
    { what: 'ahead of the log', sql: `update groundwork.snapshot set stream_version = 20 where tenant = $1` },
    { what: 'of an event that is another today', sql: `update groundwork.snapshot set position = 0 where tenant = $1` },
    { what: 'of a version to come', sql: `update groundwork.snapshot set schema_version = 9 where tenant = $1` },
  ])('S1-07, S1-48 that was $what changes nothing but the speed, and the next one takes its place', async ({ sql }) => {
    const tenant = await thirteen();
    expect((await postgres.administrator.query(sql, [tenant])).rowCount).toBe(1);
    expect(await counters.load(tenant, 'c-1')).toEqual({ state: { count: 13 }, streamVersion: 13 });
    const change = {
      expected: 13,
      events: Array.from({ length: 7 }, () => ({ type: 'CounterIncreased' as const, data: { by: 1 } })),
      state: { count: 20 },
    };
    const context = { commandId: newEvent('', {}).id, tenant, actor: { subject: 'ada', permissions: [] } };
    await counters.save(tenant, 'c-1', change, { ...context, correlationId: 'correlation-1', now: new Date() });
    const { rows } = await postgres.administrator.query(
      'select stream_version, schema_version, state from groundwork.snapshot where tenant = $1',
      [tenant],
    );
    expect(rows).toEqual([{ stream_version: 20, schema_version: 1, state: '{"count":20}' }]);
  });

  it('costs appends without one nothing: they go through the function that knows no snapshots', async () => {
    const sent = jest.spyOn(stores.app, 'queryInOrder');
    const events = [newEvent('CounterIncreased', { by: 1 })];
    const snapshot = { schemaVersion: 1, stateText: '{}' };
    await stores.events.append({ tenant: newTenant(), stream: newStream(), expected: 0, events });
    const [withOne] = [{ ...events[0]!, id: newEvent('', {}).id }];
    await stores.events.append({ tenant: newTenant(), stream: newStream(), expected: 0, events: [withOne!], snapshot });
    expect(sent.mock.calls.map(([{ name }]) => name)).toEqual(['append_batch', 'append_events_with_snapshots']);
    sent.mockRestore();
  });

  it('S1-48 is kept or lost together with its events when the session of the append is killed', async () => {
    const { administrator } = postgres;
    const tenants = Array.from({ length: 200 }, () => newTenant());
    const stream = newStream();
    const kills = (async () => {
      for (let n = 0; n < 20; n++) {
        await administrator.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where application_name = 'groundwork-test' and state = 'active' and query like '%append_events_with_snapshots%'`,
        );
      }
    })();
    await Promise.allSettled(
      tenants.map((tenant) =>
        stores.events.append({
          tenant,
          stream,
          expected: 0,
          events: [newEvent('CounterIncreased', { by: 1 })],
          snapshot: { schemaVersion: 1, stateText: '{"count":1}' },
        }),
      ),
    );
    await kills;
    const { rows } = await administrator.query<{ events: number; snapshots: number; pairs: number }>(
      `select (select count(*)::int from groundwork.event where tenant = any ($1)) as events,
              (select count(*)::int from groundwork.snapshot where tenant = any ($1)) as snapshots,
              (select count(*)::int from groundwork.snapshot n join groundwork.event e using (stream_id, stream_version, position)
                where n.tenant = any ($1)) as pairs`,
      [tenants],
    );
    expect(rows[0]!.events).toBeGreaterThan(0);
    expect(rows[0]).toEqual({ events: rows[0]!.events, snapshots: rows[0]!.events, pairs: rows[0]!.events });
  });
});
