// Caches: values that were expensive to get, kept for a while.
export { cachingModule } from './caching.module.ts';
export { cachingSettings, type CachingSettings } from './caching.settings.ts';
export { MemoryStrategy, type MemoryLimits } from './memory-strategy.ts';
export { NAMED_CACHE_DEFAULTS, NamedCache, type NamedCacheParts, type NamedCacheSettings } from './named-cache.ts';
export { NoStrategy } from './no-strategy.ts';
export { RedisStrategy, type Guard } from './redis/redis-strategy.ts';
export { TwoLevelStrategy } from './two-level-strategy.ts';
