import { describeCacheStrategy, describeWithRedis, eventually, newTenant, RedisServer } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TwoLevelStrategy } from '../two-level-strategy.ts';
import { RedisStrategy } from './redis-strategy.ts';
import { limited } from './redis-under-test.ts';

const LIMITS = { entriesMax: 1_000, bytesMax: 10_000_000 };

describeWithRedis(describe)('with a Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  describeCacheStrategy('the Redis strategy', async () => {
    const [strategy, elsewhere] = [new RedisStrategy(server.url, limited()), new RedisStrategy(server.url, limited())];
    await Promise.all([strategy, elsewhere].map(ready));
    return { strategy, elsewhere, close: async () => void (await Promise.all([strategy.close(), elsewhere.close()])) };
  });

  describeCacheStrategy('the strategy of two levels', async () => {
    const open = () => new TwoLevelStrategy(server.url, limited(), LIMITS);
    const [strategy, elsewhere] = [open(), open()];
    await Promise.all([strategy, elsewhere].map(ready));
    await eventually(() => strategy.isNearUsed && elsewhere.isNearUsed);
    return { strategy, elsewhere, close: async () => void (await Promise.all([strategy.close(), elsewhere.close()])) };
  });

  it('clears what was loaded before and is stored while it scans', async () => {
    const [space, loads] = [
      { tenant: newTenant(), cache: 'things' },
      Array.from({ length: 200 }, (_, n) => `load:${n}`),
    ];
    const loading = new RedisStrategy(server.url, limited(5_000));
    let asked = 0;
    let onHalfway = async (): Promise<unknown> => undefined;
    const clearing = new RedisStrategy(server.url, async (operation) => {
      if (++asked === 12) await onHalfway();
      return limited(5_000)(operation);
    });
    try {
      await Promise.all([loading, clearing].map(ready));
      const wanted = { prefix: '', leaseMs: 60_000, tags: [] };
      const entry = (key: string) => ({ key, text: 'older', ttlMs: 60_000, tags: [] });
      await loading.setMany(
        space,
        Array.from({ length: 3_000 }, (_, n) => entry(`kept:${n}`)),
      );
      const claims = await Promise.all(loads.map((key) => loading.claim(space, key, wanted)));
      onHalfway = () =>
        Promise.all(loads.map((key, at) => loading.fill(space, entry(key), (claims[at] as { lease: string }).lease)));
      asked = 0;
      await clearing.clear(space, 'load:*');
      expect(asked).toBeGreaterThan(12);
      expect((await loading.getMany(space, loads)).filter((text) => text !== undefined)).toEqual([]);
    } finally {
      await Promise.all([loading.close(), clearing.close()]);
    }
  }, 20_000);
});

const ready = (strategy: { check(): Promise<void> }): Promise<true> =>
  eventually(async () => {
    await strategy.check();
    return true as const;
  });
