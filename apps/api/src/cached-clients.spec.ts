// The clients as two apis read them through their caches, on PostgreSQL and a Redis of the test's own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metrics, ProjectionStore, slowestPosition } from '@groundwork/application';
import { ClientQueries } from '@groundwork/clients';
import type { App } from '@groundwork/configuration';
import type { TenantId } from '@groundwork/domain';
import { describeWithRedis, eventually, newTenant, RedisServer, scraped } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cachedInstallation, type CachedInstallation } from './testing/cached-installation-under-test.ts';

const CLIENTS = ['001Kz00000BqLmNIAV', '001Kz00000BqLmOIAV', '001Kz00000BqLmPIAV'] as const;
const STATUSES = ['Active', 'Paused'] as const;
const PAGE = { after: undefined, limit: 50 };

const withStatus = (queries: ClientQueries, tenant: TenantId, status: string, minPosition?: bigint) =>
  queries.list(tenant, { deleted: false, status }, PAGE, { minPosition });

async function counted(app: App, name: string): Promise<number> {
  const { text } = await (app.get(Metrics) as unknown as { scrape(): Promise<{ text: string }> }).scrape();
  return scraped(text, `groundwork_cache_${name}_total`, { cache: 'clients' });
}

describeWithRedis(describe)('the cached clients', () => {
  let dataDir: string;
  let server: RedisServer;
  let product: CachedInstallation;
  let queries: readonly [ClientQueries, ClientQueries];
  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'groundwork-cached-clients-'));
    server = await RedisServer.start();
    product = await cachedInstallation({ REDIS_URL: server.url, GW_CACHE_STALE_MS_MAX: '0' }, dataDir);
    queries = [product.apis[0].get(ClientQueries), product.apis[1].get(ClientQueries)];
  });
  afterAll(async () => {
    await product[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('S3-60 found by status: an empty list is a hit, kept for 300 s; a change of status ends it; rows are whole', async () => {
    const tenant = newTenant();
    await product.change(tenant, CLIENTS[0], { Name: 'Acme', Account_Status__c: 'Active' });
    await product.project();
    const [api, other] = product.apis;
    expect((await withStatus(queries[0], tenant, 'Paused')).rows).toEqual([]);
    const [hits, misses] = [await counted(other, 'hits'), await counted(api, 'misses')];
    expect((await withStatus(queries[1], tenant, 'Paused')).rows).toEqual([]);
    expect((await withStatus(queries[0], tenant, 'Paused')).rows).toEqual([]);
    expect(await counted(other, 'hits')).toBe(hits + 1);
    expect(await counted(api, 'misses')).toBe(misses);
    const [key] = server.cli('--raw', 'keys', `gw:${tenant}:clients:*list*`).split('\n');
    const ttlSeconds = Number(server.cli('ttl', key!));
    expect(ttlSeconds).toBeGreaterThan(265);
    expect(ttlSeconds).toBeLessThanOrEqual(300);

    await product.change(tenant, CLIENTS[0], { Account_Status__c: 'Paused', LastModifiedDate: 1_778_192_980_123 });
    await product.project();
    for (const each of queries) {
      expect((await withStatus(each, tenant, 'Paused')).rows.map(({ aggregate_id }) => aggregate_id)).toEqual([
        CLIENTS[0],
      ]);
      expect((await withStatus(each, tenant, 'Active')).rows).toEqual([]);
      const [row, truth] = [await each.find(tenant, CLIENTS[0]), await product.uncached.find(tenant, CLIENTS[0])];
      expect(row).toStrictEqual(truth);
      expect(row!.last_modified_at).toEqual(new Date(1_778_192_980_123));
      expect(row!.raw_data!.text).toContain('"Account_Status__c":"Paused"');
    }
  });

  it('S2-59 are what the database has, whatever was changed, projected, rebuilt or flushed before', async () => {
    const api = fc.nat(1);
    const client = fc.constantFrom(...CLIENTS);
    const status = fc.constantFrom(...STATUSES);
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('change' as const), client, status }) },
      { weight: 4, arbitrary: fc.constant({ kind: 'project' as const }) },
      { weight: 8, arbitrary: fc.record({ kind: fc.constant('list' as const), api, status }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('find' as const), api, client }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'flush' as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: 'rebuild' as const }) },
    );
    const [hitsBefore] = [await counted(product.apis[0], 'hits')];
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 24 }), async (steps) => {
        const tenant = newTenant();
        for (const taken of steps) {
          if (taken.kind === 'change') await product.change(tenant, taken.client, { Account_Status__c: taken.status });
          if (taken.kind === 'project') await product.project();
          if (taken.kind === 'flush') server.cli('flushall');
          if (taken.kind === 'rebuild') await product.rebuild();
          if (taken.kind === 'list') {
            const truth = await withStatus(product.uncached, tenant, taken.status);
            expect(await withStatus(queries[taken.api]!, tenant, taken.status)).toStrictEqual(truth);
          }
          if (taken.kind === 'find') {
            const truth = await product.uncached.find(tenant, taken.client);
            expect(await queries[taken.api]!.find(tenant, taken.client)).toStrictEqual(truth);
          }
        }
      }),
      { numRuns: 20 },
    );
    expect(await counted(product.apis[0], 'hits')).toBeGreaterThan(hitsBefore);
  }, 120_000);

  it('S2-59 show in parallel nothing older than the list was when the read began', async () => {
    const tenant = newTenant();
    const [id] = CLIENTS;
    let isOver = false;
    const versionIn = async (asked: ClientQueries) => (await asked.find(tenant, id))?.stream_version ?? 0;
    const writing = (async () => {
      for (let n = 0; n < 60; n++) {
        await product.change(tenant, id, { Name: `Name ${n}` });
        await product.project();
      }
      isOver = true;
    })();
    const reading = Array.from({ length: 6 }, async (_, n) => {
      for (let reads = 0; !isOver || reads < 3; reads++) {
        const before = await versionIn(product.uncached);
        expect(await versionIn(queries[n % 2]!)).toBeGreaterThanOrEqual(before);
      }
    });
    await Promise.all([writing, ...reading]);
    for (const each of queries) expect(await versionIn(each)).toBe(60);
  }, 60_000);

  it('S2-59 are shown anew after a rebuild, without any event', async () => {
    const tenant = newTenant();
    await product.change(tenant, CLIENTS[0], { Account_Status__c: 'Active' });
    await product.project();
    await product.forge(tenant, `update clients.client set status = 'Forged'`);
    for (const each of queries) expect((await each.find(tenant, CLIENTS[0]))!.status).toBe('Forged');
    await product.rebuild();
    for (const each of queries) expect((await each.find(tenant, CLIENTS[0]))!.status).toBe('Active');
  });

  it('S2-26 are read from the database while Redis is away, without an error, and from Redis again afterwards', async () => {
    const tenant = newTenant();
    await product.change(tenant, CLIENTS[0], { Account_Status__c: 'Active' });
    await product.project();
    await withStatus(queries[0], tenant, 'Active');
    const errors = await counted(product.apis[0], 'errors');
    await server.stop();
    for (let n = 0; n < 10; n++) {
      await product.change(tenant, CLIENTS[0], { Account_Status__c: STATUSES[n % 2] });
      await product.project();
      for (const each of queries) {
        expect((await each.find(tenant, CLIENTS[0]))!.status).toBe(STATUSES[n % 2]);
      }
    }
    expect(await counted(product.apis[0], 'errors')).toBeGreaterThan(errors);
    await server.start();
    const [hits] = [await counted(product.apis[0], 'hits')];
    await eventually(async () => {
      expect((await queries[0].find(tenant, CLIENTS[0]))!.status).toBe(STATUSES[1]);
      return (await counted(product.apis[0], 'hits')) > hits;
    });
  }, 30_000);
});

describe('the clients in the memories of two apis that share nothing', () => {
  const STALE_MS = 100;
  let dataDir: string;
  let product: CachedInstallation;
  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'groundwork-cached-clients-'));
    product = await cachedInstallation({}, dataDir);
  });
  afterAll(async () => {
    await product[Symbol.asyncDispose]();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('S2-59 show a change after 100 ms at the latest, and at once to who names its position', async () => {
    const tenant = newTenant();
    const [first, second] = product.apis.map((app) => app.get(ClientQueries)) as [ClientQueries, ClientQueries];
    const statusIn = async (queries: ClientQueries, minPosition?: bigint) =>
      (await queries.find(tenant, CLIENTS[0], { minPosition }))?.status;
    for (let n = 0; n < 10; n++) {
      const status = `Status ${n}`;
      const position = await product.change(tenant, CLIENTS[0], { Account_Status__c: status });
      await Promise.all([statusIn(first), statusIn(second)]);
      await product.project();
      const projectedMs = performance.now();
      expect(await slowestPosition(product.apis[0].get(ProjectionStore), product.list.name)).toBe(position);
      expect(await statusIn(first, position)).toBe(status);
      await eventually(() => performance.now() - projectedMs > STALE_MS);
      expect(await statusIn(second)).toBe(status);
    }
    for (const app of product.apis) expect(await counted(app, 'misses')).toBeGreaterThan(0);
  });
});
