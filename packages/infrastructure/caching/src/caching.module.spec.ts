// The caches as settings and modules choose them.
import 'reflect-metadata'; // Inversify asks for it, though nothing here is decorated.
import {
  CacheDefinition,
  Caches,
  CacheStrategyDefinition,
  HealthCheck,
  Logger,
  Metrics,
  Resilience,
  type CacheStrategy,
  type Port,
} from '@groundwork/application';
import {
  describeCacheStrategy,
  describeWithRedis,
  MemoryLogger,
  MemoryMetrics,
  newTenant,
  PlainResilience,
  RedisServer,
} from '@groundwork/testing';
import { describe, expect, it } from '@jest/globals';
import { Container, ContainerModule, type ServiceIdentifier } from 'inversify';
import { cachingModule } from './caching.module.ts';
import { cachingSettings } from './caching.settings.ts';
import { MemoryStrategy } from './memory-strategy.ts';

/** A strategy of somebody else's, who had the idea of writing everything down. */
class NotingStrategy extends MemoryStrategy {
  readonly notes: string[] = [];
  override async getMany(...asked: Parameters<CacheStrategy['getMany']>): Promise<readonly (string | undefined)[]> {
    this.notes.push(`${asked[0].tenant} asks for ${String(asked[1])}`);
    return super.getMany(...asked);
  }
}

const LIMITS = { entriesMax: 100, bytesMax: 1_000_000 };

describeCacheStrategy('S2-35 a strategy of a third party', async () => {
  const strategy = new NotingStrategy(LIMITS);
  return { strategy, elsewhere: strategy, close: () => strategy.close() };
});

describe('the caches', () => {
  const container = async (
    env: Parameters<typeof cachingSettings.parse>[0] = {},
    redisUrl?: string,
    more: readonly ContainerModule[] = [],
  ): Promise<Container> => {
    const made = new Container({ defaultScope: 'Singleton' });
    const surroundings = new ContainerModule(({ bind }) => {
      bind(Logger).toConstantValue(new MemoryLogger());
      bind(Metrics).toConstantValue(new MemoryMetrics());
      bind(Resilience).toConstantValue(new PlainResilience());
      bind(CacheDefinition).toConstantValue({ name: 'clients', ttlSeconds: 300 });
    });
    await made.loadAsync(surroundings, cachingModule(cachingSettings.parse(env), redisUrl), ...more);
    return made;
  };
  const get = <T>(from: Container, key: Port<T>): T => from.get<T>(key as ServiceIdentifier<T>);
  const keeps = async (from: Container, cache?: string): Promise<boolean> => {
    const [named, tenant] = [get(from, Caches).cache(cache), newTenant()];
    await named.set(tenant, 'a', 1);
    return (await named.get(tenant, 'a')) !== undefined;
  };

  it('S2-34 are chosen by name, one is the default, and an unknown name is an error', async () => {
    const preset = await container();
    expect(get(preset, Caches).cache().name).toBe('default');
    expect(get(preset, Caches).cache('clients')).toBe(get(preset, Caches).cache('clients'));
    expect(await keeps(preset)).toBe(true);
    expect(() => get(preset, Caches).cache('client')).toThrow(expect.objectContaining({ code: 'cache.unknown' }));
    const chosen = await container({ strategy: 'none', strategies: 'clients=memory' });
    expect([await keeps(chosen), await keeps(chosen, 'clients')]).toEqual([false, true]);
    for (const made of [preset, chosen]) await made.unbindAllAsync();
  });

  it.each([
    [{ strategy: 'memroy' }, 'cache.strategy-unknown'],
    [{ strategy: 'redis' }, 'cache.strategy-unknown'],
    [{ strategies: 'clients=disk' }, 'cache.strategy-unknown'],
    [{ strategies: 'client=memory' }, 'cache.unknown'],
  ])('S2-34 refuse %j at the start', async (env, code) => {
    const made = await container(env);
    expect(() => get(made, Caches)).toThrow(expect.objectContaining({ code }));
  });

  it('S2-35 use a strategy that a module brings, by configuration alone', async () => {
    const strategy = new NotingStrategy(LIMITS);
    const mine = new ContainerModule(({ bind }) => {
      bind(CacheStrategyDefinition).toConstantValue({ name: 'noting', open: () => strategy });
    });
    const made = await container({ strategies: 'clients=noting' }, undefined, [mine]);
    expect(await keeps(made, 'clients')).toBe(true);
    await expect(strategy.size('clients')).resolves.toBe(1);
    expect(await keeps(made)).toBe(true);
    expect(await strategy.size('default')).toBe(0);
    await made.unbindAllAsync();
  });

  it('S2-34 two that are called the same are refused', async () => {
    const again = new ContainerModule(({ bind }) => {
      bind(CacheDefinition).toConstantValue({ name: 'clients' });
    });
    const made = await container({}, undefined, [again]);
    expect(() => get(made, Caches)).toThrow(expect.objectContaining({ code: 'cache.defined-twice' }));
  });

  describeWithRedis(describe)('with REDIS_URL', () => {
    it('S2-25 S2-34 are of two levels, and their health is told without making the process unready', async () => {
      const server = await RedisServer.start();
      const made = await container({}, server.url);
      expect(await keeps(made)).toBe(true);
      expect(server.cli('dbsize')).toBe('1');
      const health = get(made, HealthCheck);
      expect(health).toMatchObject({ name: 'cache', isVital: false });
      await health.check();
      await server[Symbol.asyncDispose]();
      await expect(health.check()).rejects.toThrow();
      await made.unbindAllAsync();
    });
  });
});
