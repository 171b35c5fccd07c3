// Texts in Redis, which every process of the installation sees.
import { randomUUID } from 'node:crypto';
import type { CacheClaim, CacheEntry, CacheSpace, CacheStrategy } from '@groundwork/application';
import { globMatcher, literalPrefix } from '../glob.ts';
import { redisConnection } from './redis-connection.ts';
import { besideKeys, cachePattern, keyParts, scanPattern, tagKey, valueKey } from './redis-keys.ts';
import { SCRIPTS, type CachingRedis } from './redis-scripts.ts';
import { Unsettled, type Invalidation } from './unsettled.ts';

/** Runs what asks Redis, for a limited time, and not at all while Redis does not answer. */
export type Guard = <T>(operation: (signal: AbortSignal) => Promise<T>) => Promise<T>;

export interface TimedText {
  readonly text: string;
  readonly ttlMs: number;
}

const PAGE = 250;

export class RedisStrategy implements CacheStrategy {
  readonly #redis: Promise<CachingRedis>;
  readonly #guard: Guard;
  readonly #unsettled = new Unsettled();
  #settling: Promise<void> | undefined;

  constructor(url: string, guard: Guard) {
    this.#guard = guard;
    const options = { connectionName: 'groundwork-cache', enableAutoPipelining: true, scripts: SCRIPTS };
    this.#redis = redisConnection(url, options) as Promise<CachingRedis>;
    // Whoever uses it hears of it.
    this.#redis.catch(() => undefined);
  }

  getMany(space: CacheSpace, keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    if (keys.length === 0) return Promise.resolve([]);
    return this.#ask(async (redis) => {
      const texts = await redis.mget(keys.map((key) => valueKey(space, key)));
      return texts.map((text) => text ?? undefined);
    });
  }

  /** As `getMany`, with the time that each text may still be used. */
  getManyTimed(redisKeys: readonly string[]): Promise<readonly (TimedText | undefined)[]> {
    return this.#ask(async (redis) => {
      const [texts, ...times] = await Promise.all([
        redis.mget([...redisKeys]),
        ...redisKeys.map((key) => redis.pttl(key)),
      ]);
      return texts.map((text, at) => (text === null || times[at]! <= 0 ? undefined : { text, ttlMs: times[at]! }));
    });
  }

  async setMany(space: CacheSpace, entries: readonly CacheEntry[]): Promise<readonly boolean[]> {
    if (entries.length === 0) return [];
    const put = (redis: CachingRedis): Promise<unknown> =>
      Promise.all(
        entries.map(({ key, text, ttlMs, tags }) => {
          const keys = placesOf(space, key, tags);
          return redis.gwPut(keys.length, ...keys, text, ttlMs);
        }),
      );
    await this.#orUnsettled(
      entries.map(({ key }) => ({ space, key })),
      () => this.#ask(put),
    );
    return entries.map(() => true);
  }

  delete(space: CacheSpace, key: string): Promise<boolean> {
    return this.#orUnsettled([{ space, key }], () => this.#ask((redis) => deleted(redis, space, key)));
  }

  exists(space: CacheSpace, key: string): Promise<boolean> {
    return this.#ask(async (redis) => (await redis.exists(valueKey(space, key))) === 1);
  }

  expire(space: CacheSpace, key: string, ttlMs: number): Promise<boolean> {
    return this.#ask(async (redis) => (await redis.gwExpire(4, ...placesOf(space, key), ttlMs)) === 1);
  }

  clear(space: CacheSpace, pattern: string): Promise<number> {
    return this.#orUnsettled([{ space, pattern }], async () => {
      await this.#settled();
      return this.#cleared(space, pattern);
    });
  }

  invalidateTags(space: CacheSpace, tags: readonly string[]): Promise<number> {
    return this.#orUnsettled([{ space, tags }], async () => {
      await this.#settled();
      return this.#untagged(space, tags);
    });
  }

  async claim(
    space: CacheSpace,
    key: string,
    { prefix, leaseMs, tags }: { prefix: string; leaseMs: number; tags: readonly string[] },
  ): Promise<CacheClaim> {
    const [keys, lease] = [placesOf(space, key, tags), randomUUID()];
    const [found, text] = await this.#ask((redis) => redis.gwClaim(keys.length, ...keys, prefix, lease, leaseMs));
    if (found === 1) return { text };
    return found === 2 ? { lease } : 'taken';
  }

  async hold(space: CacheSpace, key: string, leaseMs: number): Promise<string> {
    const lease = randomUUID();
    await this.#ask((redis) => redis.gwHold(4, ...placesOf(space, key), lease, leaseMs));
    return lease;
  }

  async fill(space: CacheSpace, { key, text, ttlMs, tags }: CacheEntry, lease: string): Promise<boolean> {
    const keys = placesOf(space, key, tags);
    return (await this.#ask((redis) => redis.gwFill(keys.length, ...keys, lease, text, ttlMs))) === 1;
  }

  async release(space: CacheSpace, key: string, lease: string): Promise<void> {
    await this.#ask((redis) => redis.gwRelease(4, ...placesOf(space, key), lease));
  }

  async size(cache: string): Promise<number> {
    let count = 0;
    for await (const keys of this.#pages(cachePattern(cache))) {
      count += keys.filter((key) => keyParts(key)?.isValue).length;
    }
    return count;
  }

  async check(): Promise<void> {
    await this.#ask((redis) => redis.ping());
  }

  async close(): Promise<void> {
    const redis = await this.#redis.catch(() => undefined);
    redis?.disconnect();
  }

  async #ask<T>(work: (redis: CachingRedis) => Promise<T>): Promise<T> {
    await this.#settled();
    return this.#guarded(work);
  }

  async #guarded<T>(work: (redis: CachingRedis) => Promise<T>): Promise<T> {
    // Waited for at the start only.
    const redis = await this.#redis;
    return this.#guard((signal) => untilAborted(work(redis), signal));
  }

  /** An invalidation that did not get through is made up for before anything is read again. */
  async #orUnsettled<T>(invalidations: readonly Invalidation[], work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      for (const invalidation of invalidations) this.#unsettled.add(invalidation);
      throw error;
    }
  }

  async #settled(): Promise<void> {
    if (this.#unsettled.isEmpty) return;
    this.#settling ??= this.#unsettled
      .settle((invalidation) => this.#settle(invalidation))
      .finally(() => (this.#settling = undefined));
    await this.#settling;
  }

  #settle(invalidation: Invalidation): Promise<unknown> {
    const { space } = invalidation;
    if ('key' in invalidation) return this.#guarded((redis) => deleted(redis, space, invalidation.key));
    return 'tags' in invalidation
      ? this.#untagged(space, invalidation.tags)
      : this.#cleared(space, invalidation.pattern);
  }

  /** Twice: a load that was stored behind the first scan is there during all of the second; none older is left. */
  async #cleared(space: CacheSpace, pattern: string): Promise<number> {
    const count = await this.#scannedAway(space, pattern);
    return count + (await this.#scannedAway(space, pattern));
  }

  async #scannedAway(space: CacheSpace, pattern: string): Promise<number> {
    const matches = globMatcher(pattern);
    let count = 0;
    for await (const keys of this.#pages(scanPattern(space, literalPrefix(pattern)))) {
      const meant = keys
        .map((redisKey) => ({ redisKey, ...keyParts(redisKey) }))
        .filter(({ key }) => key && matches(key));
      if (meant.length === 0) continue;
      await this.#guarded((redis) => redis.unlink(meant.map(({ redisKey }) => redisKey)));
      count += meant.filter(({ isValue }) => isValue).length;
    }
    return count;
  }

  async #untagged(space: CacheSpace, tags: readonly string[]): Promise<number> {
    let count = 0;
    for (const tag of tags) {
      for (let isOver = false; !isOver;) {
        const [found, removed] = await this.#guarded((redis) =>
          redis.gwUntag(1, tagKey(space, tag), PAGE, ...besideKeys('')),
        );
        isOver = found < PAGE;
        count += removed;
      }
    }
    return count;
  }

  /** By SCAN, page by page: Redis serves others in between. */
  async *#pages(pattern: string): AsyncGenerator<readonly string[]> {
    for (let cursor = '0', isOver = false; !isOver; isOver = cursor === '0') {
      const [next, keys] = await this.#guarded((redis) => redis.scan(cursor, 'MATCH', pattern, 'COUNT', PAGE));
      cursor = next;
      yield keys;
    }
  }
}

const placesOf = (space: CacheSpace, key: string, tags: readonly string[] = []): string[] => {
  const value = valueKey(space, key);
  return [value, ...besideKeys(value), ...tags.map((tag) => tagKey(space, tag))];
};

const deleted = async (redis: CachingRedis, space: CacheSpace, key: string): Promise<boolean> =>
  (await redis.gwDelete(4, ...placesOf(space, key))) === 1;

/** A command that was sent cannot be taken back; only nobody waits for it any longer. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
