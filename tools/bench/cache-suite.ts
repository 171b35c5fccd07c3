// A cached read of the product against a plain GET over ioredis, and one load for all who miss at once.
import { Caches, type Cache } from '@groundwork/application';
import { compose, platformModules, readSettings, type App } from '@groundwork/configuration';
import { Redis } from 'ioredis';
import { RedisServer } from '../../packages/testing/src/redis-server.ts';
import { benchModule } from './bench.module.ts';
import { medianRatio } from './closed-loop.ts';
import { inProcess, ratioName, resultsOf, takeTurns } from './interleaved.ts';
import { TENANT } from './our-store.ts';
import { payload } from './payload.ts';
import type { Suite } from './suite.ts';

const CLIENTS = 64;
const KEYS = 100;
const MISSES = 256;
const LOAD_MS = 20;

export const cacheSuite: Suite = {
  name: 'cache',
  description: `${CLIENTS} readers of cached values against GET over ioredis; ${MISSES} misses of one value at once`,
  run: async ({ url, note }) => {
    await using server = await RedisServer.start();
    await using twoLevels = await composed(url, server.url, 'two-level');
    await using oneLevel = await composed(url, server.url, 'redis');
    const plain = new Redis(server.url);
    try {
      const keys = Array.from({ length: KEYS }, (_, n) => `key-${n}`);
      const texts = keys.map((key) => [key, JSON.stringify(payload)] as const);
      await plain.mset(Object.fromEntries(texts));
      const near = twoLevels.get(Caches).cache();
      const far = oneLevel.get(Caches).cache();
      await near.setMany(TENANT, new Map(keys.map((key) => [key, payload])));
      const contenders = [
        inProcess('groundwork, two levels', reading(near, keys)),
        inProcess('groundwork, redis', reading(far, keys)),
        inProcess('ioredis GET', async (client) => {
          JSON.parse((await plain.get(keys[client % KEYS]!))!);
        }),
      ];
      const windows = await takeTurns(contenders, CLIENTS);
      const [ours, redisOnly, theirs] = contenders.map((contender) => windows.get(contender)!);
      const loads = [await loadsOf(near, 'near'), await loadsOf(far, 'far')];
      note(`${MISSES} misses of one value: ${loads.join(' and ')} load`);
      return {
        results: resultsOf(windows, CLIENTS),
        ratios: {
          [ratioName('cachedRead', 'ioredis get')]: medianRatio(ours!, theirs!),
          [ratioName('cachedReadInRedis', 'ioredis get')]: medianRatio(redisOnly!, theirs!),
          loadsFor256Misses: Math.max(...loads),
        },
      };
    } finally {
      plain.disconnect();
    }
  },
};

/** The product with a Redis: its metrics, its policies and all. */
function composed(url: string, redisUrl: string, strategy: string): Promise<App> {
  const settings = readSettings({
    DATABASE_URL: url,
    REDIS_URL: redisUrl,
    GW_CACHE_STRATEGY: strategy,
    GW_BUS: 'memory',
    LOG_LEVEL: 'error',
  });
  return compose({ program: 'bench', modules: [...platformModules(settings, 'api'), benchModule] });
}

const reading =
  (cache: Cache, keys: readonly string[]) =>
  async (client: number): Promise<void> => {
    const hit = await cache.get(TENANT, keys[client % KEYS]!);
    if (hit === undefined) throw new Error('A value that was cached is not there.');
  };

async function loadsOf(cache: Cache, key: string): Promise<number> {
  let loads = 0;
  const load = async (): Promise<number> => {
    loads++;
    await new Promise((resolve) => setTimeout(resolve, LOAD_MS));
    return loads;
  };
  await Promise.all(Array.from({ length: MISSES }, () => cache.remember(TENANT, key, load)));
  return loads;
}
