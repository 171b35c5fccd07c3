// Two processes with a cache of two levels each: what one changes, the other does not read any longer.
import { describeWithRedis, eventually, FaultProxy, newTenant, RedisServer } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { namedCacheUnderTest } from '../named-cache-under-test.ts';
import { machineMs, startCachingProcess, type CachingProcess } from './caching-process-under-test.ts';
import { RedisStrategy } from './redis-strategy.ts';
import { limited, opened } from './redis-under-test.ts';

const WITHIN_MS = 100;

describeWithRedis(describe)('the caches of two processes', () => {
  let server: RedisServer;
  let proxy: FaultProxy;
  let other: CachingProcess;
  let strategy: RedisStrategy;
  beforeAll(async () => {
    server = await RedisServer.start();
    proxy = await FaultProxy.before(server.port);
    other = await startCachingProcess(`redis://127.0.0.1:${proxy.port}`);
    strategy = await opened(new RedisStrategy(server.url, limited()));
  });
  afterAll(async () => {
    await strategy.close();
    await other[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  it.each<[string, (n: number, tenant: ReturnType<typeof newTenant>) => Promise<unknown>]>([
    ['set', (n, tenant) => namedCacheUnderTest(strategy).cache.set(tenant, 'a', `changed ${n}`)],
    ['deleted', (_, tenant) => namedCacheUnderTest(strategy).cache.delete(tenant, 'a')],
    ['cleared', (_, tenant) => namedCacheUnderTest(strategy).cache.clear(tenant)],
    ['invalidated by tag', (_, tenant) => namedCacheUnderTest(strategy).cache.invalidateTags(tenant, ['t'])],
    ['deleted by hand', async (_, tenant) => server.cli('del', `gw:${tenant}:things:a`)],
    ['flushed', async () => server.cli('flushall')],
  ])('S4-16 leave the memory of the other within 100 ms when they are %s', async (_, change) => {
    const { cache } = namedCacheUnderTest(strategy);
    const delaysMs: number[] = [];
    for (let n = 0; n < 10; n++) {
      const tenant = newTenant();
      await cache.set(tenant, 'a', 'first', { tags: ['t'] });
      // The change of the key is reported to who has just asked for it.
      await eventually(() => other.tell<boolean>({ do: 'warm', tenant, key: 'a' }));
      const heard = other.tell<{ atMs: number }>({ do: 'await-other', tenant, key: 'a', than: 'first' });
      await other.tell({ do: 'get', tenant, key: 'a' });
      await change(n, tenant);
      const changedMs = machineMs();
      delaysMs.push((await heard).atMs - changedMs);
    }
    // A machine with more to do than it can may be late once.
    expect(delaysMs.sort((a, b) => a - b)[8]).toBeLessThan(WITHIN_MS);
  });

  it.each<['cut' | 'silent']>([['cut'], ['silent']])(
    'S4-16 read nothing from a memory that has missed changes, because the connection was %s',
    async (kind) => {
      const tenant = newTenant();
      const { cache } = namedCacheUnderTest(strategy);
      await cache.set(tenant, 'a', 'first');
      await cache.set(tenant, 'b', 'second');
      for (const key of ['a', 'b']) await eventually(() => other.tell<boolean>({ do: 'warm', tenant, key }));
      proxy.state = kind === 'cut' ? 'refusing' : 'silent';
      if (kind === 'cut') proxy.cut();
      const lostMs = machineMs();
      await cache.set(tenant, 'a', 'changed');
      await cache.delete(tenant, 'b');
      const heard = await other.tell<{ atMs: number; value: unknown }>({
        do: 'await-other',
        tenant,
        key: 'a',
        than: 'first',
      });
      // Nothing is found any longer; a connection that is silent is believed for a second at most.
      expect(heard.value).toBeUndefined();
      expect(heard.atMs - lostMs).toBeLessThan(kind === 'cut' ? WITHIN_MS : 1_500);
      proxy.state = 'open';
      const read = async (key: string) => other.tell({ do: 'get', tenant, key });
      await eventually(async () => {
        const value = await read('a');
        expect(value).not.toBe('first');
        return value === 'changed';
      });
      expect(await read('b')).toBeUndefined();
    },
    20_000,
  );

  it('S4-13 load once for 100 misses in each', async () => {
    const [third, tenant] = [await startCachingProcess(server.url), newTenant()];
    const asked = { do: 'remember', tenant, key: 'a', times: 100 } as const;
    const loads = await Promise.all([other.tell<number>(asked), third.tell<number>(asked)]);
    await third[Symbol.asyncDispose]();
    expect(loads.reduce((sum, count) => sum + count)).toBe(1);
  });

  it('S4-13 load a second time when the process that loads is gone, and not before its lease runs out', async () => {
    const tenant = newTenant();
    const { cache } = namedCacheUnderTest(strategy, { leaseMs: 300 });
    const space = { tenant, cache: 'things' };
    await strategy.claim(space, 'a', { prefix: '', leaseMs: 300, tags: [] });
    const sinceMs = performance.now();
    expect(await cache.remember(tenant, 'a', async () => 'loaded')).toBe('loaded');
    expect(performance.now() - sinceMs).toBeGreaterThan(250);
    expect(await cache.get(tenant, 'a')).toEqual({ value: 'loaded' });
  });
});
