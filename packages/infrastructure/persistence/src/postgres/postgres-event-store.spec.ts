// The event store in PostgreSQL keeps the contract of event stores, and what PostgreSQL alone has to keep.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventTypes } from '@groundwork/application';
import { collected, describeEventStore, MemoryLogger, newEvent, newStream, newTenant } from '@groundwork/testing';
import { PostgresEventLog } from './postgres-event-log.ts';
import { PostgresEventStore } from './postgres-event-store.ts';
import { PostgresLogSignal } from './postgres-log-signal.ts';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';
import { Signals } from './signals.ts';

describeEventStore('S1-09, S4-10 PostgresEventStore', async () => {
  const postgres = await postgresUnderTest();
  const [app, worker] = [postgres.connect('groundwork_app'), postgres.connect('groundwork_worker')];
  const signals = new Signals(app, postgres.url, new MemoryLogger());
  return {
    open: async (types: EventTypes) => ({
      events: new PostgresEventStore(app, types, signals),
      log: new PostgresEventLog(worker, types),
      signal: new PostgresLogSignal(app, types, signals),
    }),
    close: async () => {
      await signals.close();
      await postgres.close();
    },
  };
});

const definitions = [{ type: 'Counted', schemaVersion: 1 }];
const types = new EventTypes(definitions);

describe('appending to PostgreSQL', () => {
  const tenant = newTenant();
  let postgres: PostgresUnderTest;
  beforeAll(async () => {
    postgres = await postgresUnderTest();
  });
  afterAll(() => postgres.close());

  const storeOn = (applicationName: string): PostgresEventStore =>
    new PostgresEventStore(
      postgres.connect('groundwork_app', { applicationName }),
      types,
      new Signals(postgres.connect('groundwork_app'), postgres.url, new MemoryLogger()),
    );
  const append = (store: PostgresEventStore, stream = newStream()) =>
    store.append({ tenant, stream, expected: 'any', events: [newEvent('Counted', {})] });

  it('takes one session for all appends, and the order in which they were asked for', async () => {
    const store = storeOn('appends');
    const appended = await Promise.all(Array.from({ length: 500 }, () => append(store)));
    expect(appended.map(({ position }) => position)).toEqual(appended.map((_, n) => BigInt(n + 1)));
    const { rows } = await postgres.administrator.query(
      `select pid from pg_stat_activity where application_name = 'appends'`,
    );
    expect(rows).toHaveLength(1);
  });

  it('records nothing earlier than what was recorded before, even when the clock was set back', async () => {
    const store = storeOn('recording');
    const stream = newStream();
    await append(store, stream);
    await postgres.administrator.query(
      `update groundwork.event set recorded_at = recorded_at + interval '1 hour'
        where position = (select max(position) from groundwork.event)`,
    );
    await append(store, stream);
    const [ahead, behind] = await collected(store.readStream(tenant, stream));
    expect(ahead!.recordedAt.getTime()).toBeGreaterThan(Date.now() + 3_000_000);
    expect(behind!.recordedAt).toEqual(ahead!.recordedAt);
  });
});

describe('a stream of heavy events in PostgreSQL', () => {
  let postgres: PostgresUnderTest;
  beforeAll(async () => {
    postgres = await postgresUnderTest();
  });
  afterAll(() => postgres.close());

  it('is read in ranges of about eight megabytes, one event at least', async () => {
    const { events, log } = postgres.stores(definitions);
    const [tenant, stream] = [newTenant(), newStream()];
    for (const megabytes of [3, 3, 3, 9, 1]) {
      const heavy = newEvent('Counted', 'x'.repeat(megabytes * 1024 * 1024));
      await events.append({ tenant, stream, expected: 'any', events: [heavy] });
    }
    const versions: number[][] = [];
    for (let after = 0n; ;) {
      const range = await log.readStreamRange({ tenant, ...stream }, after, 2n ** 62n, 100);
      if (range.length === 0) break;
      versions.push(range.map(({ streamVersion }) => streamVersion));
      after = range.at(-1)!.position;
    }
    expect(versions).toEqual([[1, 2, 3], [4], [5]]);
    expect(await collected(events.readStream(tenant, stream))).toHaveLength(5);
  });
});
