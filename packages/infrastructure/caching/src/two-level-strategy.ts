// Redis, and in front of it the memory of this process, which Redis keeps true.
import type { CacheClaim, CacheEntry, CacheSpace, CacheStrategy } from '@groundwork/application';
import { LRUCache } from 'lru-cache';
import type { MemoryLimits } from './memory-strategy.ts';
import { KeyChanges } from './redis/key-changes.ts';
import { spacePrefix, valueKey } from './redis/redis-keys.ts';
import { RedisStrategy, type Guard } from './redis/redis-strategy.ts';

/** What a text costs beside its letters. */
const ENTRY_BYTES = 100;

/**
 * A text is kept here only when Redis has reported no change of it since it was asked for, and used only while the
 * connection on which changes are reported answers.
 */
export class TwoLevelStrategy implements CacheStrategy {
  readonly #far: RedisStrategy;
  readonly #changes: KeyChanges;
  readonly #near: LRUCache<string, string>;
  /** Questions under way, by key: what changes meanwhile is not kept. */
  readonly #asked = new Map<string, object>();

  constructor(url: string, guard: Guard, { entriesMax, bytesMax }: MemoryLimits) {
    this.#near = new LRUCache({
      max: entriesMax,
      maxSize: bytesMax,
      sizeCalculation: (text, key) => 2 * (text.length + key.length) + ENTRY_BYTES,
    });
    this.#far = new RedisStrategy(url, guard);
    this.#changes = new KeyChanges(url, {
      changed: (keys) => keys.forEach((key) => this.#drop(key)),
      lost: () => {
        this.#near.clear();
        this.#asked.clear();
      },
    });
  }

  /** Whether values at hand are used: false while changes might go unheard. */
  get isNearUsed(): boolean {
    return this.#changes.isTrusted;
  }

  peek(space: CacheSpace, key: string): string | undefined {
    return this.#changes.isTrusted ? this.#near.get(valueKey(space, key)) : undefined;
  }

  async getMany(space: CacheSpace, keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    const redisKeys = keys.map((key) => valueKey(space, key));
    const isTrusted = this.#changes.isTrusted;
    const found = redisKeys.map((key) => (isTrusted ? this.#near.get(key) : undefined));
    const missing = redisKeys.filter((_, at) => found[at] === undefined);
    if (missing.length === 0) return found;
    const question = {};
    for (const key of missing) this.#asked.set(key, question);
    const texts = await this.#far.getManyTimed(missing);
    const far = new Map(missing.map((key, at) => [key, texts[at]]));
    for (const [key, timed] of far) {
      const isUnchanged = this.#asked.get(key) === question;
      if (isUnchanged) this.#asked.delete(key);
      if (isUnchanged && timed !== undefined) this.#near.set(key, timed.text, { ttl: timed.ttlMs });
    }
    return redisKeys.map((key, at) => found[at] ?? far.get(key)?.text);
  }

  setMany(space: CacheSpace, entries: readonly CacheEntry[]): Promise<readonly boolean[]> {
    return this.#changing(
      entries.map(({ key }) => valueKey(space, key)),
      () => this.#far.setMany(space, entries),
    );
  }

  delete(space: CacheSpace, key: string): Promise<boolean> {
    return this.#changing([valueKey(space, key)], () => this.#far.delete(space, key));
  }

  exists(space: CacheSpace, key: string): Promise<boolean> {
    return this.#far.exists(space, key);
  }

  expire(space: CacheSpace, key: string, ttlMs: number): Promise<boolean> {
    return this.#changing([valueKey(space, key)], () => this.#far.expire(space, key, ttlMs));
  }

  clear(space: CacheSpace, pattern: string): Promise<number> {
    return this.#changingSpace(space, () => this.#far.clear(space, pattern));
  }

  invalidateTags(space: CacheSpace, tags: readonly string[]): Promise<number> {
    return this.#changingSpace(space, () => this.#far.invalidateTags(space, tags));
  }

  async claim(
    space: CacheSpace,
    key: string,
    wanted: { readonly prefix: string; readonly leaseMs: number; readonly tags: readonly string[] },
  ): Promise<CacheClaim> {
    const [text] = await this.getMany(space, [key]);
    if (text?.startsWith(wanted.prefix)) return { text };
    return this.#far.claim(space, key, wanted);
  }

  hold(space: CacheSpace, key: string, leaseMs: number): Promise<string> {
    return this.#changing([valueKey(space, key)], () => this.#far.hold(space, key, leaseMs));
  }

  fill(space: CacheSpace, entry: CacheEntry, lease: string): Promise<boolean> {
    return this.#changing([valueKey(space, entry.key)], () => this.#far.fill(space, entry, lease));
  }

  release(space: CacheSpace, key: string, lease: string): Promise<void> {
    return this.#far.release(space, key, lease);
  }

  size(cache: string): Promise<number> {
    return this.#far.size(cache);
  }

  check(): Promise<void> {
    return this.#far.check();
  }

  async close(): Promise<void> {
    await this.#changes.close();
    await this.#far.close();
  }

  /** Not read here while it changes there, nor afterwards what was asked for meanwhile. */
  async #changing<T>(redisKeys: readonly string[], change: () => Promise<T>): Promise<T> {
    for (const key of redisKeys) this.#drop(key);
    try {
      return await change();
    } finally {
      for (const key of redisKeys) this.#drop(key);
    }
  }

  #changingSpace<T>(space: CacheSpace, change: () => Promise<T>): Promise<T> {
    const prefix = spacePrefix(space);
    const drop = (): void => {
      for (const keys of [this.#near.keys(), this.#asked.keys()])
        for (const key of [...keys]) if (key.startsWith(prefix)) this.#drop(key);
    };
    drop();
    return change().finally(drop);
  }

  #drop(redisKey: string): void {
    this.#near.delete(redisKey);
    this.#asked.delete(redisKey);
  }
}
