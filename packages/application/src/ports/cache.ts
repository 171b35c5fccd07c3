// Values that were expensive to get, kept for a while: never the truth, and losing them costs speed alone.
import type { TenantId } from '@groundwork/domain';
import { port } from '../port.ts';

/** Something was there, also when it is null, undefined or an empty list. */
export interface CacheHit<T> {
  readonly value: T;
}

export interface CacheOptions {
  /** How long the value may be used; the cache's own time (3600 s unless it says otherwise) when left out. */
  readonly ttlSeconds?: number;
  /** Names under which the value can be made invalid together with others. */
  readonly tags?: readonly string[];
  /** What the value was made from. A value of another version is none. */
  readonly version?: string;
}

/**
 * A named cache. The tenant is part of every key, tag and pattern. Values come back exactly as they were given: plain
 * objects, arrays, maps, sets, dates, bigints, undefined, ExactJson and bytes. Throws InvalidInput before anything is
 * stored: `cache.value-refused` for what would not come back as it is, `cache.ttl-refused`, `cache.key-refused`.
 *
 * A strategy that cannot be reached is no error: reads find nothing, and what could not be made invalid is not read
 * again before it is.
 */
export interface Cache {
  readonly name: string;
  get<T>(tenant: TenantId, key: string, options?: Pick<CacheOptions, 'version'>): Promise<CacheHit<T> | undefined>;
  /** False when it could not be stored. */
  set(tenant: TenantId, key: string, value: unknown, options?: CacheOptions): Promise<boolean>;
  /** Whether there was something; false as well when nobody can say. */
  delete(tenant: TenantId, key: string): Promise<boolean>;
  exists(tenant: TenantId, key: string): Promise<boolean>;
  /** The value may be used for this long from now; false when there is none. */
  expire(tenant: TenantId, key: string, ttlSeconds: number): Promise<boolean>;
  /** One round trip, however many; keys without a value are left out. */
  getMany<T>(tenant: TenantId, keys: readonly string[]): Promise<ReadonlyMap<string, CacheHit<T>>>;
  /** One round trip; says of each key whether its value was stored. */
  setMany(
    tenant: TenantId,
    values: ReadonlyMap<string, unknown>,
    options?: CacheOptions,
  ): Promise<ReadonlyMap<string, boolean>>;
  /** Removes the tenant's keys that match: `*` stands for any characters, `?` for one; without a pattern all. */
  clear(tenant: TenantId, pattern?: string): Promise<number>;
  /** Removes all that was stored under one of the tags. */
  invalidateTags(tenant: TenantId, tags: readonly string[]): Promise<number>;
  /**
   * The value, loaded when there is none. Of all who ask meanwhile, in this process and in others, one loads; who has
   * waited too long for another process loads, too. What was made invalid while it was loaded is not stored. An error
   * of `load` is thrown and not kept.
   */
  remember<T>(tenant: TenantId, key: string, load: () => Promise<T>, options?: CacheOptions): Promise<T>;
  /**
   * Writes to the store behind the cache, then to the cache. When `write` throws, the cache is as it was; when the
   * cache cannot be written, the old value is not read again.
   */
  writeThrough<T>(tenant: TenantId, key: string, write: () => Promise<T>, options?: CacheOptions): Promise<T>;
}

export interface Caches {
  /** The cache of a name, or the one named `default`; throws Misconfigured `cache.unknown`. */
  cache(name?: string): Cache;
}
export const Caches = port<Caches>('Caches');

/** Multi-bound: a cache that there is, and what it keeps unless it is told otherwise. */
export interface CacheDefinition {
  readonly name: string;
  /** The name of a strategy; the one of the settings when left out. */
  readonly strategy?: string;
  readonly ttlSeconds?: number;
}
export const CacheDefinition = port<CacheDefinition>('CacheDefinition');
