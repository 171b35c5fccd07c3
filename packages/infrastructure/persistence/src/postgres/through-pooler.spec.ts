// The event store keeps its contract, and tenants stay apart, through a PgBouncer in transaction mode.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { TenantId } from '@groundwork/domain';
import {
  describeEventStore,
  eventually,
  MemoryLogger,
  newEvent,
  newStream,
  newTenant,
  PlainResilience,
} from '@groundwork/testing';
import { databaseHealth } from './database-health.ts';
import type { Database } from './database.ts';
import { expectOneFirst } from './first-appends-under-test.ts';
import { hasPgBouncer, startPgBouncer, type PgBouncer } from './pooled-postgres-under-test.ts';
import { PostgresEventLog } from './postgres-event-log.ts';
import { PostgresEventStore } from './postgres-event-store.ts';
import { PostgresLogSignal } from './postgres-log-signal.ts';
import type { PostgresUnderTest, Stores } from './postgres-under-test.ts';
import { Signals } from './signals.ts';

// Needs PgBouncer, a package of the operating system.
(hasPgBouncer ? describe : describe.skip)('through PgBouncer', () => {
  let bouncer: PgBouncer;
  beforeAll(async () => {
    bouncer = await startPgBouncer();
  });
  afterAll(() => bouncer.close());

  describeEventStore('PostgresEventStore', async () => {
    const postgres = await bouncer.database();
    const [app, worker] = [postgres.connect('groundwork_app'), postgres.connect('groundwork_worker')];
    const signals = new Signals(app, postgres.url, new MemoryLogger());
    return {
      open: async (types) => ({
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

  it('S1-04 lets exactly one of 50 simultaneous first appends win, on 50 connections that share four sessions', async () => {
    const postgres = await bouncer.database();
    await expectOneFirst(postgres);
    await postgres.close();
  });

  describe('tenants', () => {
    let postgres: PostgresUnderTest;
    let stores: Stores;
    const tenants = [newTenant(), newTenant(), newTenant()];
    beforeAll(async () => {
      postgres = await bouncer.database();
      stores = postgres.stores([{ type: 'NoteWritten', schemaVersion: 1 }]);
      for (const tenant of tenants) {
        await stores.events.append({ tenant, stream: newStream(), expected: 0, events: [newEvent('NoteWritten', {})] });
      }
    });
    afterAll(() => postgres.close());

    it('S1-06, S4-10 each borrower of a session sees its own tenant only, whatever went before it, also an error', async () => {
      await neverLeaks(stores.app, tenants);
    }, 60_000);

    it('are told of what happens past the pooler, and looked for at intervals where nobody listens', async () => {
      const [direct, deaf] = [
        new Signals(stores.app, postgres.url, new MemoryLogger()),
        new Signals(stores.app, undefined, new MemoryLogger()),
      ];
      let isWaiting = true;
      const told = direct.wait('log', 60_000).then(() => (isWaiting = false));
      await eventually(() => {
        if (isWaiting) deaf.announce('log');
        return !isWaiting;
      });
      await told;
      await deaf.wait('log', 1);
      await direct.close();
    });
  });

  it('refuses to take a pooler for PostgreSQL itself, and sessions that lack their role or limits', async () => {
    const postgres = await bouncer.database();
    const logger = new MemoryLogger();
    const pooledUrl = bouncer.urlOf(postgres);
    const [app, longer, asked] = [
      postgres.connect('groundwork_app'),
      postgres.connect('groundwork_app', { statementTimeoutMs: 1_234 }),
      postgres.connect('groundwork_app', { url: pooledUrl, pooler: 'none' }),
    ];
    const signals = new Signals(app, pooledUrl, logger);
    void signals.wait('log', 10_000);
    await eventually(() => signals.fault !== undefined);
    await expect(databaseHealth(app, signals, logger, new PlainResilience()).check()).rejects.toMatchObject({
      code: 'database.direct-url-pooled',
    });
    await expect(longer.query({ name: 'any', text: 'select 1' })).rejects.toMatchObject({
      code: 'database.session-settings',
      message: expect.stringContaining('statement_timeout=1234'),
    });
    await expect(asked.query({ name: 'any', text: 'select 1' })).rejects.toBeDefined();
    await signals.close();
    await postgres.close();
  });
});

const COUNT = { name: 'tenants_seen', text: 'select array_agg(distinct tenant) as seen from groundwork.event' };
type Seen = { seen: string[] | null };

/** Many at once, on few sessions, in every order: what one leaves behind the next would see. */
async function neverLeaks(database: Database, tenants: readonly TenantId[]): Promise<void> {
  const kinds = ['transaction', 'refused', 'given up', 'ended', 'entities', 'no tenant'] as const;
  const step = fc.record({ kind: fc.constantFrom(...kinds), tenant: fc.constantFrom(...tenants) });
  const look = async ({ kind, tenant }: { kind: (typeof kinds)[number]; tenant: TenantId }): Promise<unknown> => {
    const inside = (last: () => Promise<unknown>): Promise<unknown> =>
      database.transaction(tenant, async ({ query }) => {
        const [row] = await query<Seen>(COUNT);
        await last();
        return row!.seen;
      });
    if (kind === 'transaction') return inside(async () => undefined);
    if (kind === 'refused') {
      const refused = database.transaction(tenant, ({ query }) => query({ name: 'refused', text: 'select 1 / 0' }));
      await expect(refused).rejects.toMatchObject({ code: '22012' });
      return [tenant];
    }
    if (kind === 'given up') {
      await expect(inside(() => Promise.reject(new Error('given up')))).rejects.toThrow('given up');
      return [tenant];
    }
    if (kind === 'ended') {
      const end = 'select pg_terminate_backend(pg_backend_pid())';
      await expect(
        database.transaction(tenant, ({ query }) => query({ name: 'end', text: end })),
      ).rejects.toBeDefined();
      return [tenant];
    }
    if (kind === 'entities') {
      return database.withEntities(tenant, async (manager) => (await manager.query<Seen[]>(COUNT.text))[0]!.seen);
    }
    return (await database.query<Seen>(COUNT))[0]!.seen ?? 'nothing';
  };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const seen = await Promise.all(steps.map(look));
      expect(seen).toEqual(steps.map(({ kind, tenant }) => (kind === 'no tenant' ? 'nothing' : [tenant])));
    }),
    { numRuns: 25 },
  );
}
