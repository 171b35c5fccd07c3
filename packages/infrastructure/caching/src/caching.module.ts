// Wires the caches that settings and modules ask for.
import {
  CacheDefinition,
  Caches,
  CacheStrategyDefinition,
  HealthCheck,
  Logger,
  Metrics,
  Resilience,
} from '@groundwork/application';
import { ContainerModule } from 'inversify';
import type { CachingSettings } from './caching.settings.ts';
import { MemoryStrategy, type MemoryLimits } from './memory-strategy.ts';
import { NamedCaches } from './named-caches.ts';
import { NoStrategy } from './no-strategy.ts';
import { RedisStrategy, type Guard } from './redis/redis-strategy.ts';
import { TwoLevelStrategy } from './two-level-strategy.ts';

/**
 * Needs Logger, Metrics and Resilience, and the caches and strategies that modules bind. Without `redisUrl` nothing of
 * Redis is loaded.
 */
export const cachingModule = (settings: CachingSettings, redisUrl: string | undefined): ContainerModule =>
  new ContainerModule(({ bind }) => {
    const limits: MemoryLimits = { entriesMax: settings.entriesMax, bytesMax: settings.megabytesMax * 2 ** 20 };
    bind<CacheStrategyDefinition>(CacheStrategyDefinition).toConstantValue({
      name: 'none',
      open: () => new NoStrategy(),
    });
    bind<CacheStrategyDefinition>(CacheStrategyDefinition).toConstantValue({
      name: 'memory',
      open: () => new MemoryStrategy(limits),
    });
    if (redisUrl !== undefined) {
      bind<CacheStrategyDefinition>(CacheStrategyDefinition).toResolvedValue(
        (resilience: Resilience) => ({ name: 'redis', open: () => new RedisStrategy(redisUrl, guardOf(resilience)) }),
        [Resilience],
      );
      bind<CacheStrategyDefinition>(CacheStrategyDefinition).toResolvedValue(
        (resilience: Resilience) => ({
          name: 'two-level',
          open: () => new TwoLevelStrategy(redisUrl, guardOf(resilience), limits),
        }),
        [Resilience],
      );
    }
    bind(NamedCaches)
      .toResolvedValue(
        (definitions: CacheDefinition[], strategies: CacheStrategyDefinition[], logger: Logger, metrics: Metrics) => {
          const parts = { definitions, strategies, logger: logger.child({ context: 'caching' }), metrics };
          return new NamedCaches(parts, settings, redisUrl === undefined ? 'memory' : 'two-level');
        },
        [
          { serviceIdentifier: CacheDefinition, isMultiple: true },
          { serviceIdentifier: CacheStrategyDefinition, isMultiple: true },
          Logger,
          Metrics,
        ],
      )
      .inSingletonScope()
      .onDeactivation((caches: NamedCaches) => caches.close());
    bind<Caches>(Caches)
      .toResolvedValue((caches: NamedCaches) => caches, [NamedCaches])
      .inSingletonScope();
    bind<HealthCheck>(HealthCheck)
      .toResolvedValue(
        (caches: NamedCaches) => ({ name: 'cache', isVital: false, check: () => caches.check() }),
        [NamedCaches],
      )
      .inSingletonScope();
  });

/** What Redis does not answer in time is no answer, and while it does not answer it is not asked. */
function guardOf(resilience: Resilience): Guard {
  const policy = resilience.policyFor('cache');
  return (operation) => policy.execute(operation, { kind: 'read' });
}
