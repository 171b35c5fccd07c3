// How and where a cache keeps its texts: what somebody implements who brings a cache of their own.
import { port } from '../port.ts';

/** The keys of one tenant in one cache; no other space sees them. */
export interface CacheSpace {
  readonly tenant: string;
  readonly cache: string;
}

export interface CacheEntry {
  readonly key: string;
  readonly text: string;
  readonly ttlMs: number;
  readonly tags: readonly string[];
}

/** What came of asking for the right to load a value: the value is there, the right was given, or somebody has it. */
export type CacheClaim = { readonly text: string } | { readonly lease: string } | 'taken';

/**
 * Texts by key. Everything else a cache does (exact values, tenants, times, one load for many, metrics, faults) is
 * done around it; a method that cannot do its work rejects. `describeCacheStrategy` in @groundwork/testing is what an
 * implementation has to pass.
 *
 * A lease is the right to fill a key. Whatever makes the key invalid (`set`, `delete`, `clear`, `invalidateTags` with a
 * tag of the claim) ends it, so that what was loaded before is never stored after.
 */
export interface CacheStrategy {
  /** In one round trip and in the order of the keys; undefined where there is nothing. */
  getMany(space: CacheSpace, keys: readonly string[]): Promise<readonly (string | undefined)[]>;
  /** A value that this process has at hand, if it has one that may be used: answers at once, or undefined. */
  peek?(space: CacheSpace, key: string): string | undefined;
  /** In one round trip; says of each whether it was stored. */
  setMany(space: CacheSpace, entries: readonly CacheEntry[]): Promise<readonly boolean[]>;
  delete(space: CacheSpace, key: string): Promise<boolean>;
  exists(space: CacheSpace, key: string): Promise<boolean>;
  expire(space: CacheSpace, key: string, ttlMs: number): Promise<boolean>;
  /** Removes what matches (`*`, `?`) in this space, and says how much; others are not held up meanwhile. */
  clear(space: CacheSpace, pattern: string): Promise<number>;
  invalidateTags(space: CacheSpace, tags: readonly string[]): Promise<number>;
  /** The text when it begins with `prefix`; else a lease for `leaseMs`, which no second one gets meanwhile. */
  claim(
    space: CacheSpace,
    key: string,
    wanted: { readonly prefix: string; readonly leaseMs: number; readonly tags: readonly string[] },
  ): Promise<CacheClaim>;
  /** Takes the lease from whoever has it, and hides the value until the lease is filled or released. */
  hold(space: CacheSpace, key: string, leaseMs: number): Promise<string>;
  /** Stores under a lease that still holds; false when it does not. */
  fill(space: CacheSpace, entry: CacheEntry, lease: string): Promise<boolean>;
  /** Gives a lease back; a value that was held back is there again. */
  release(space: CacheSpace, key: string, lease: string): Promise<void>;
  /** How many values a cache has here, over all tenants. */
  size(cache: string): Promise<number>;
  /** Resolves when the strategy can be used, rejects with what is wrong. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** Multi-bound: a strategy that settings and caches can choose by its name. Opened when it is chosen. */
export interface CacheStrategyDefinition {
  readonly name: string;
  /** Returns at once: what has to be connected is connected when it is first needed. */
  open(): CacheStrategy;
}
export const CacheStrategyDefinition = port<CacheStrategyDefinition>('CacheStrategyDefinition');
