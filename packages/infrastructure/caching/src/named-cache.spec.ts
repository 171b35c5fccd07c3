import { cacheKey, cacheResult, ExactJson, NotFound, type CacheStrategy } from '@groundwork/application';
import { describeWithRedis, eventually, FaultProxy, newTenant, RedisServer } from '@groundwork/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MemoryStrategy } from './memory-strategy.ts';
import { namedCacheUnderTest, type NamedCacheUnderTest } from './named-cache-under-test.ts';
import { limited, opened } from './redis/redis-under-test.ts';
import { RedisStrategy } from './redis/redis-strategy.ts';
import { TwoLevelStrategy } from './two-level-strategy.ts';

const LIMITS = { entriesMax: 1_000, bytesMax: 10_000_000 };

describe('a cache in memory', () => {
  describeCaching(async () => new MemoryStrategy(LIMITS));
});

describeWithRedis(describe)('a cache in Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  describe('of one level', () => {
    describeCaching(() => opened(new RedisStrategy(server.url, limited())));
  });
  describe('of two levels', () => {
    describeCaching(() => opened(new TwoLevelStrategy(server.url, limited(), LIMITS)));
  });

  it('S2-21 S2-56 S4-12 holds the tenant in every key, and the values of another tenant are not seen', async () => {
    const { cache, strategy } = namedCacheUnderTest(await opened(new RedisStrategy(server.url, limited())));
    const [tenant, other] = [newTenant(), newTenant()];
    await cache.set(tenant, 'building:1', { name: 'Harbour Street 1' }, { ttlSeconds: 3600, tags: ['buildings'] });
    expect(await cache.get(tenant, 'building:1')).toEqual({ value: { name: 'Harbour Street 1' } });
    expect(await cache.get(other, 'building:1')).toBeUndefined();
    const keys = server.cli('--raw', 'keys', `*${tenant}*`).split('\n').sort();
    const value = `gw:${tenant}:things:building%3A1`;
    expect(keys).toEqual([`gw:${tenant}:things::buildings`, value, `${value}:tags`]);
    expect(Number(server.cli('ttl', keys[1]!))).toBeGreaterThan(3_590);
    await strategy.close();
  });

  it('S2-22 S4-12 keeps a value for 3600 s unless told, less by chance where it may, and not for 0 or less', async () => {
    const strategy = await opened(new RedisStrategy(server.url, limited()));
    const tenant = newTenant();
    const ttlOf = (key: string): number => Number(server.cli('pttl', `gw:${tenant}:things:${key}`));
    const exact = namedCacheUnderTest(strategy).cache;
    await exact.set(tenant, 'preset', 1);
    expect(ttlOf('preset')).toBeGreaterThan(3_590_000);
    expect(ttlOf('preset')).toBeLessThanOrEqual(3_600_000);
    for (const ttlSeconds of [0, -1, NaN, Infinity]) {
      await expect(exact.set(tenant, 'refused', 1, { ttlSeconds })).rejects.toMatchObject({
        code: 'cache.ttl-refused',
      });
      await expect(exact.expire(tenant, 'preset', ttlSeconds)).rejects.toMatchObject({ code: 'cache.ttl-refused' });
    }
    expect(await exact.exists(tenant, 'refused')).toBe(false);
    const jittered = namedCacheUnderTest(strategy, { ttlJitter: 0.5 }).cache;
    const keys = Array.from({ length: 50 }, (_, n) => `key${n}`);
    await jittered.setMany(tenant, new Map(keys.map((key) => [key, 1])), { ttlSeconds: 1_000 });
    const times = keys.map(ttlOf);
    expect(Math.min(...times)).toBeGreaterThan(490_000);
    expect(Math.max(...times)).toBeLessThanOrEqual(1_000_000);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(100_000);
    await strategy.close();
  });

  it('S2-23 S4-12 gets and sets many in one round trip, and says what became of each', async () => {
    await using wire = await FaultProxy.before(server.port);
    const strategy = await opened(new RedisStrategy(`redis://127.0.0.1:${wire.port}`, limited(2_000)));
    const { cache, count } = namedCacheUnderTest(strategy);
    const tenant = newTenant();
    const values = new Map(Array.from({ length: 200 }, (_, n) => [`key${n}`, n]));
    await cache.setMany(tenant, values);
    wire.delayMs = 100;
    const took = async (work: () => Promise<unknown>): Promise<number> => {
      const startedMs = performance.now();
      await work();
      return performance.now() - startedMs;
    };
    // There and back takes 200 ms: a second round trip would take as long again.
    const stored = { all: new Map<string, boolean>() };
    expect(await took(async () => (stored.all = new Map(await cache.setMany(tenant, values))))).toBeLessThan(390);
    expect([...stored.all.values()].filter(Boolean)).toHaveLength(200);
    const found = { all: new Map<string, unknown>() };
    const asked = [...values.keys(), 'unknown'];
    expect(await took(async () => (found.all = new Map(await cache.getMany(tenant, asked))))).toBeLessThan(390);
    expect(found.all.size).toBe(200);
    expect(found.all.get('key7')).toEqual({ value: 7 });
    expect([count('hits'), count('misses')]).toEqual([200, 1]);
    await strategy.close();
  });

  it('S2-24 S4-12 clears 100,000 keys by SCAN, while others wait for no longer than 20 ms', async () => {
    const strategy = await opened(new RedisStrategy(server.url, limited(20_000)));
    const { cache } = namedCacheUnderTest(strategy);
    const [tenant, neighbour] = [newTenant(), newTenant()];
    await cache.set(neighbour, 'kept', 1);
    for (let from = 0; from < 100_000; from += 5_000) {
      await cache.setMany(tenant, new Map(Array.from({ length: 5_000 }, (_, n) => [`list:${from + n}`, n])));
    }
    await cache.set(tenant, 'other', 1);
    server.cli('config', 'set', 'slowlog-log-slower-than', '20000');
    server.cli('slowlog', 'reset');
    server.cli('config', 'resetstat');
    expect(await cache.clear(tenant, 'list:*')).toBe(100_000);
    // What a server of one thread does in one step is what others wait for. One that is not given the processor by a
    // machine with more to do is late all the same: of some eight hundred steps two may be.
    expect(Number(server.cli('slowlog', 'len'))).toBeLessThanOrEqual(2);
    const commands = server.cli('info', 'commandstats');
    for (const step of ['scan', 'unlink']) {
      const [, microseconds] = new RegExp(`cmdstat_${step}:.*usec_per_call=([\\d.]+)`).exec(commands)!;
      expect(Number(microseconds)).toBeLessThan(5_000);
    }
    expect(commands).toContain('cmdstat_scan:');
    expect(commands).not.toContain('cmdstat_keys:');
    expect(await cache.exists(tenant, 'other')).toBe(true);
    expect(await cache.exists(neighbour, 'kept')).toBe(true);
    await strategy.close();
  }, 60_000);
});

function describeCaching(open: () => Promise<CacheStrategy>): void {
  let under: NamedCacheUnderTest;
  beforeEach(async () => {
    await under?.strategy.close();
    under = namedCacheUnderTest(await open());
  });
  afterAll(() => under.strategy.close());

  it('S2-21 S4-12 gets, sets, deletes, looks and prolongs; nothing, null and an empty list are something', async () => {
    const { cache } = under;
    const tenant = newTenant();
    const values: readonly unknown[] = [
      null,
      undefined,
      [],
      '',
      0,
      false,
      { at: new Date(0), n: 1n },
      new ExactJson('1.10'),
    ];
    for (const value of values) {
      expect(await cache.set(tenant, 'a', value)).toBe(true);
      expect(await cache.get(tenant, 'a')).toStrictEqual({ value });
    }
    expect(await cache.exists(tenant, 'a')).toBe(true);
    expect(await cache.expire(tenant, 'a', 60)).toBe(true);
    expect(await cache.delete(tenant, 'a')).toBe(true);
    expect(await cache.get(tenant, 'a')).toBeUndefined();
    expect([await cache.exists(tenant, 'a'), await cache.expire(tenant, 'a', 60)]).toEqual([false, false]);
  });

  it('S2-21 S4-12 refuses what would not come back, and leaves what is there', async () => {
    const { cache } = under;
    const tenant = newTenant();
    await cache.set(tenant, 'a', 1);
    const value = { price: new (class Money {})() };
    await expect(cache.set(tenant, 'a', value)).rejects.toMatchObject({ code: 'cache.value-refused' });
    await expect(cache.remember(tenant, 'b', async () => value)).rejects.toMatchObject({ code: 'cache.value-refused' });
    expect(await cache.get(tenant, 'a')).toEqual({ value: 1 });
    for (const key of ['', 'a\nb', '\ud800', 'x'.repeat(1_025)]) {
      await expect(cache.get(tenant, key)).rejects.toMatchObject({ code: 'cache.key-refused' });
    }
    await expect(cache.get('no tenant' as never, 'a')).rejects.toMatchObject({ code: 'tenant.malformed' });
  });

  it('S2-22 S4-12 forgets a value on time', async () => {
    const { cache } = under;
    const tenant = newTenant();
    await cache.set(tenant, 'a', 1, { ttlSeconds: 0.15 });
    expect(await cache.get(tenant, 'a')).toEqual({ value: 1 });
    const sinceMs = performance.now();
    await eventually(async () => (await cache.get(tenant, 'a')) === undefined, 2_000);
    expect(performance.now() - sinceMs).toBeLessThan(1_000);
  });

  it('S4-13 S4-12 loads once for 100 who miss at the same time, and gives each a value of their own', async () => {
    const { cache, count } = under;
    const tenant = newTenant();
    let loads = 0;
    const load = async () => {
      loads++;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { list: [] as number[] };
    };
    const values = await Promise.all(Array.from({ length: 100 }, () => cache.remember(tenant, 'a', load)));
    expect(loads).toBe(1);
    values[0]!.list.push(1);
    expect(values[1]).toEqual({ list: [] });
    expect(await cache.remember(tenant, 'a', load)).toEqual({ list: [] });
    expect([loads, count('misses')]).toEqual([1, 1]);
  });

  it('throws the error of a load to all who wait for it, and keeps nothing of it', async () => {
    const { cache } = under;
    const tenant = newTenant();
    const failing = () => Promise.reject(new Error('away'));
    const results = await Promise.allSettled([1, 2, 3].map(() => cache.remember(tenant, 'a', failing)));
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(await cache.remember(tenant, 'a', async () => 1)).toBe(1);
  });

  it('S4-14 writes through: a failed write leaves the cache as it was, a done one is read at once', async () => {
    const { cache } = under;
    const tenant = newTenant();
    const store = { value: 'old' };
    await cache.set(tenant, 'a', 'old', { ttlSeconds: 500 });
    const failing = cache.writeThrough(tenant, 'a', () => Promise.reject(new Error('store')));
    await expect(failing).rejects.toThrow('store');
    expect(await cache.get(tenant, 'a')).toEqual({ value: 'old' });
    await cache.writeThrough(tenant, 'a', async () => (store.value = 'new'));
    expect(await cache.get(tenant, 'a')).toEqual({ value: 'new' });
  });

  it.each<[string, (cache: NamedCacheUnderTest['cache'], tenant: ReturnType<typeof newTenant>) => Promise<unknown>]>([
    ['key', (cache, tenant) => cache.delete(tenant, 'list:a')],
    ['tag', (cache, tenant) => cache.invalidateTags(tenant, ['clients'])],
    ['pattern', (cache, tenant) => cache.clear(tenant, 'list:*')],
  ])('S4-15 makes values invalid by %s, also one that is being loaded', async (_, invalidate) => {
    const { cache } = under;
    const tenant = newTenant();
    const mayEnd = Promise.withResolvers<void>();
    const loading = cache.remember(tenant, 'list:a', async () => (await mayEnd.promise, 'old'), { tags: ['clients'] });
    await new Promise((resolve) => setTimeout(resolve, 30));
    await invalidate(cache, tenant);
    mayEnd.resolve();
    expect(await loading).toBe('old');
    expect(await cache.get(tenant, 'list:a')).toBeUndefined();
    expect(await cache.remember(tenant, 'list:a', async () => 'new', { tags: ['clients'] })).toBe('new');
    await invalidate(cache, tenant);
    expect(await cache.get(tenant, 'list:a')).toBeUndefined();
  });

  it('S4-15 gives a value of another version to nobody', async () => {
    const { cache } = under;
    const tenant = newTenant();
    const at = (version: string) => cache.remember(tenant, 'a', async () => `made of ${version}`, { version });
    expect(await at('1')).toBe('made of 1');
    expect(await at('12')).toBe('made of 12');
    expect(await cache.get(tenant, 'a', { version: '1' })).toBeUndefined();
    expect(await cache.get(tenant, 'a')).toBeUndefined();
    expect(await cache.get(tenant, 'a', { version: '12' })).toEqual({ value: 'made of 12' });
  });

  it('S4-17 keeps the results of a function by tenant and arguments, and errors only when asked', async () => {
    const { cache } = under;
    const [tenant, other] = [newTenant(), newTenant()];
    const calls: unknown[][] = [];
    const find = async (of: string, ...args: unknown[]) => {
      calls.push([of, ...args]);
      if (args[0] === 'unknown') throw new NotFound('client.unknown', 'There is none.', 'Look elsewhere.');
      return args;
    };
    const cached = cacheResult(cache, find, { name: 'find', ttlSeconds: 60 });
    const asked = [[1], ['1'], [1n], [undefined], [], [{ from: new Date(0) }], [['a,b']], [['a', 'b']]];
    for (const args of [...asked, ...asked]) expect(await cached(tenant, ...args)).toEqual(args);
    expect(calls).toEqual(asked.map((args) => [tenant, ...args]));
    expect(new Set(asked.map((args) => cacheKey('find', ...args))).size).toBe(asked.length);
    await cached(other, 1);
    expect(calls.at(-1)).toEqual([other, 1]);

    calls.length = 0;
    for (let n = 0; n < 2; n++) await expect(cached(tenant, 'unknown')).rejects.toBeInstanceOf(NotFound);
    expect(calls).toHaveLength(2);
    const keeping = cacheResult(cache, find, { name: 'keep', keepsError: ({ code }) => code === 'client.unknown' });
    for (let n = 0; n < 2; n++) {
      await expect(keeping(tenant, 'unknown')).rejects.toMatchObject({
        code: 'client.unknown',
        next: 'Look elsewhere.',
      });
      await expect(keeping(tenant, 'unknown')).rejects.toBeInstanceOf(NotFound);
    }
    expect(calls).toHaveLength(3);
  });

  it('S2-25 counts hits and misses of each cache, times what it does, and knows its size', async () => {
    const { cache, count, metrics, strategy } = under;
    const tenant = newTenant();
    await strategy.clear({ tenant, cache: 'things' }, '*');
    await cache.get(tenant, 'a');
    await cache.set(tenant, 'a', 1);
    await cache.get(tenant, 'a');
    await cache.getMany(tenant, ['a', 'b']);
    expect([count('hits'), count('misses'), count('errors')]).toEqual([2, 2, 0]);
    const timed = metrics.observed('groundwork_cache_operation_duration_seconds', {
      cache: 'things',
      operation: 'set',
    });
    expect(timed).toHaveLength(1);
    expect(await strategy.size('things')).toBeGreaterThan(0);
    expect(await strategy.size('nothing')).toBe(0);
  });
}
