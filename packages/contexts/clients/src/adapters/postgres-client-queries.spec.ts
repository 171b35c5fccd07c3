import { newTenant } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ClientFilter, ClientPage } from '../features/client-list/client-queries.ts';
import type { ClientRow } from '../features/client-list/client-row.ts';
import {
  clientDatabaseUnderTest,
  planOf,
  rowWith,
  scansOf,
  WatchedDatabase,
  type ClientDatabase,
} from './client-database-under-test.ts';
import { MemoryClientQueries } from './memory-client-queries.ts';
import { PostgresClientQueries } from './postgres-client-queries.ts';

let database: ClientDatabase;
let watched: WatchedDatabase;
let queries: PostgresClientQueries;
beforeAll(async () => {
  database = await clientDatabaseUnderTest();
  watched = new WatchedDatabase(database.as('groundwork_app'));
  queries = new PostgresClientQueries(watched);
});
afterAll(() => database.close());

const idOf = (n: number): string => `001Kz${String(n).padStart(10, '0')}IAA`;

describe('the queries in PostgreSQL and in memory', () => {
  // Few values, so that filters meet; letters whose case is not simple, and all that LIKE would take for a wildcard.
  const word = fc.constantFrom('Active', 'Paused', 'Straße', 'a', 'É', 'İ', '%', '_');
  const letters = fc.array(fc.constantFrom('a', 'A', 'ä', 'Ä', 'ß', 'İ', 'Σ', 'ς', '%', '_', '\\', "'", ' ', '🎵'), {
    maxLength: 5,
  });
  const name = letters.map((parts) => parts.join(''));
  const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
  const row = fc.record({
    name: fc.option(name),
    status: fc.option(word),
    priority: fc.option(word),
    billing_country: fc.option(word),
    parent_id: fc.option(fc.constantFrom(idOf(1), idOf(2))),
    business_types: fc.uniqueArray(word, { maxLength: 3 }),
    is_deleted: fc.boolean(),
  });
  const filter = fc
    .record({
      search: optional(name.filter((text) => text !== '')),
      status: optional(word),
      country: optional(word),
      businessType: optional(word),
      priority: optional(word),
      parentId: optional(fc.constantFrom(idOf(1), idOf(2))),
      deleted: fc.boolean(),
    })
    .map(
      (given) =>
        Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as unknown as ClientFilter,
    );
  const page = fc.oneof(
    fc.record({ page: fc.integer({ min: 1, max: 3 }), limit: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ after: optional(fc.nat(12).map(idOf)), limit: fc.integer({ min: 1, max: 5 }) }),
  );

  it('S0-32 give the same clients for the same questions', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 12 }),
        fc.array(fc.tuple(filter, page as fc.Arbitrary<ClientPage>), { minLength: 1, maxLength: 8 }),
        async (columns, questions) => {
          const tenant = newTenant();
          const rows = columns.map((given, n) => rowWith({ ...given, aggregate_id: idOf(n), raw_data: null }));
          if (rows.length > 0) await database.store(tenant, rows);
          const memory = new MemoryClientQueries(() => rows);
          for (const [asked, where] of questions) {
            expect(await queries.list(tenant, asked, where)).toEqual(await memory.list(tenant, asked, where));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('find the same client, payload included, and none under an unknown id', async () => {
    const tenant = newTenant();
    const stored = rowWith({
      aggregate_id: idOf(1),
      name: 'Acme',
      last_modified_at: new Date('2026-05-07T22:29:40.123Z'),
    });
    await database.store(tenant, [stored]);
    expect(await queries.find(tenant, idOf(1))).toEqual(stored);
    expect(await queries.find(tenant, idOf(2))).toBeUndefined();
    expect(await queries.find(newTenant(), idOf(1))).toBeUndefined();
  });
});

describe('the indexes', () => {
  const tenant = newTenant();
  const NOBODY_DELETED = { deleted: false };
  beforeAll(async () => {
    const owner = database.as('groundwork_owner');
    await owner.withEntities(tenant, async (manager) => {
      // Otherwise the vacuum may come before the commit is on disk, and finds nothing that all may see.
      await manager.query('set local synchronous_commit = on');
      await manager.query(
        `insert into clients.client (tenant, aggregate_id, salesforce_id, name, name_folded, status, billing_country, parent_id,
                                     business_types, is_deleted, refetch_marked, awaiting_backfill, told_by,
                                     stream_version, mapping_version)
         select case n % 3 when 0 then 'another' else $1 end, 'id' || to_char(n, 'FM00000000'), 'id' || to_char(n, 'FM00000000'),
                'Client ' || n, 'client ' || n, 'status ' || n % 5000, 'country ' || n % 5000, 'parent ' || n % 5000,
                array['type ' || n % 5000, 'any'], n % 20 = 0, false, false, '{}', 1, 1
           from generate_series(1, 60000) as n`,
        [tenant],
      );
    });
    await owner.pool.query('vacuum analyze clients.client');
    watched.asked.length = 0;
  });

  const scansFor = async (
    filter: ClientFilter,
    page: ClientPage = { after: 'id00000100', limit: 50 },
  ): Promise<string> => {
    const found = await queries.list(tenant, filter, page);
    expect(found.rows.length).toBeGreaterThan(0);
    return (await watched.plans(tenant)).flatMap(scansOf).join(', ');
  };

  it('S0-29 a page is found in the covering index alone, by cursor and by number', async () => {
    for (const page of [
      { after: 'id00000100', limit: 50 },
      { page: 3, limit: 50 },
    ] as const) {
      const scans = await scansFor(NOBODY_DELETED, page);
      expect(scans).toContain('Index Only Scan client_listed');
      expect(scans).not.toContain('Seq Scan');
    }
  });

  it('S0-34 a status, country or parent that few clients have is found in its own index', async () => {
    expect(await scansFor({ ...NOBODY_DELETED, status: 'status 7' })).toContain('client_by_status');
    expect(await scansFor({ ...NOBODY_DELETED, country: 'country 7' })).toContain('client_by_country');
    expect(await scansFor({ ...NOBODY_DELETED, parentId: 'parent 7' })).toContain('client_by_parent');
    expect(await scansFor({ deleted: true })).toContain('client_deleted');
  });

  it('S0-15 "has this business type" uses an index', async () => {
    const { rows } = await queries.list(
      tenant,
      { ...NOBODY_DELETED, businessType: 'type 7' },
      { after: undefined, limit: 50 },
    );
    expect(rows.map(({ business_types }) => business_types)).toEqual(rows.map(() => ['type 7', 'any']));
    expect(watched.asked.splice(0).at(-1)!.sql).toContain('clients.ids_of_business_type(');
    const owner = database.as('groundwork_owner');
    const plan = await owner.withEntities(tenant, async (manager) => {
      const [{ prosrc }] = await manager.query(`select prosrc from pg_proc where proname = 'ids_of_business_type'`);
      return planOf(manager, (prosrc as string).replace('wanted', '$1'), ['type 7']);
    });
    expect(scansOf(plan)).toContain('Bitmap Index Scan client_business_types');
  });

  it('S0-30 partial indexes hold the rows they are for and no others', async () => {
    const sizes = await database
      .as('groundwork_owner')
      .pool.query<{ name: string; bytes: string }>(
        `select relname as name, pg_relation_size(oid) as bytes from pg_class where relname in ('client_pk', 'client_deleted')`,
      );
    const bytesOf = (wanted: string) => Number(sizes.rows.find(({ name }) => name === wanted)!.bytes);
    expect(bytesOf('client_deleted')).toBeLessThan(bytesOf('client_pk') / 5);
    const counted = await database.as('groundwork_owner').pool.query<{ indexed: number; kept: number }>(
      `select reltuples::int as indexed, (select count(*)::int from clients.client where not is_deleted) as kept
         from pg_class where relname = 'client_listed'`,
    );
    // PostgreSQL's own count of an index is an estimate.
    const { indexed, kept } = counted.rows[0]!;
    expect(Math.abs(indexed - kept)).toBeLessThan(kept / 50);
  });

  it('long and odd values fit into every index', async () => {
    const strange = newTenant();
    const long = Array.from({ length: 255 }, (_, n) => String.fromCodePoint(0x1f000 + ((n * 7919) % 2_000))).join('');
    const columns: Partial<ClientRow> = {
      status: long,
      priority: long,
      billing_country: long,
      parent_id: long,
      business_types: [long],
    };
    await database.store(strange, [rowWith({ aggregate_id: idOf(1), name: long.repeat(40), ...columns })]);
    const { rows } = await queries.list(
      strange,
      { deleted: false, status: long, businessType: long },
      { after: undefined, limit: 1 },
    );
    expect(rows).toHaveLength(1);
  });
});
