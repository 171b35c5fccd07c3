import { describeCacheStrategy, describeWithRedis, eventually, RedisServer } from '@groundwork/testing';
import { afterAll, beforeAll, describe } from '@jest/globals';
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
});

const ready = (strategy: { check(): Promise<void> }): Promise<true> =>
  eventually(async () => {
    await strategy.check();
    return true as const;
  });
