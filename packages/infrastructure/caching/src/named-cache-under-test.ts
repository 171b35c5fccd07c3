// A named cache over a strategy, with what it logged and counted.
import type { CacheStrategy } from '@groundwork/application';
import { MemoryLogger, MemoryMetrics } from '@groundwork/testing';
import { CacheMeter } from './cache-meter.ts';
import { NAMED_CACHE_DEFAULTS, NamedCache, type NamedCacheSettings } from './named-cache.ts';
import { Outage } from './outage.ts';

export interface NamedCacheUnderTest {
  readonly cache: NamedCache;
  readonly strategy: CacheStrategy;
  readonly logger: MemoryLogger;
  readonly metrics: MemoryMetrics;
  /** The value of `groundwork_cache_{name}_total`. */
  count(name: 'hits' | 'misses' | 'errors'): number;
}

export function namedCacheUnderTest(
  strategy: CacheStrategy,
  settings: Partial<NamedCacheSettings> = {},
): NamedCacheUnderTest {
  const [logger, metrics, name] = [new MemoryLogger(), new MemoryMetrics(), settings.name ?? 'things'];
  const parts = { strategy, meter: new CacheMeter(name, metrics), outage: new Outage(logger) };
  return {
    cache: new NamedCache({ ...NAMED_CACHE_DEFAULTS, name, ...settings }, parts),
    strategy,
    logger,
    metrics,
    count: (counter) => metrics.value(`groundwork_cache_${counter}_total`, { cache: name }),
  };
}
