// A cache by its name: everything that is the same for every strategy.
import {
  exactTextOf,
  InvalidInput,
  pause,
  valueOfExactText,
  type Cache,
  type CacheEntry,
  type CacheHit,
  type CacheOptions,
  type CacheSpace,
  type CacheStrategy,
} from '@groundwork/application';
import { parseTenantId, type TenantId } from '@groundwork/domain';
import type { CacheMeter } from './cache-meter.ts';
import type { Outage } from './outage.ts';

export interface NamedCacheSettings {
  readonly name: string;
  readonly ttlSeconds: number;
  /** Times are shortened by chance by up to this share, so that what was stored together does not end together. */
  readonly ttlJitter: number;
  /** How long a load may take before somebody else loads, too. */
  readonly leaseMs: number;
  /** How long a reader waits for the load of another process. */
  readonly waitMsMax: number;
}

export const NAMED_CACHE_DEFAULTS: Omit<NamedCacheSettings, 'name'> = {
  ttlSeconds: 3_600,
  ttlJitter: 0,
  leaseMs: 10_000,
  waitMsMax: 2_000,
};

const KEY_LENGTH_MAX = 1_024;
const POLL_MS = 10;
const SPACES_MAX = 10_000;
const TTL_SECONDS_MAX = 366 * 24 * 3_600;

export interface NamedCacheParts {
  readonly strategy: CacheStrategy;
  readonly meter: CacheMeter;
  readonly outage: Outage;
  /** From 0 to 1, excluding 1. */
  readonly chance?: () => number;
}

export class NamedCache implements Cache {
  readonly #settings: NamedCacheSettings;
  readonly #parts: Required<NamedCacheParts>;
  /** The loads that go on in this process: who asks meanwhile shares them. */
  readonly #loads = new Map<string, Promise<string>>();
  /** Of tenants whose names were checked. */
  readonly #spaces = new Map<string, CacheSpace>();

  constructor(settings: NamedCacheSettings, parts: NamedCacheParts) {
    this.#settings = settings;
    this.#parts = { chance: Math.random, ...parts };
  }

  get name(): string {
    return this.#settings.name;
  }

  async get<T>(tenant: TenantId, key: string, { version }: CacheOptions = {}): Promise<CacheHit<T> | undefined> {
    const prefix = prefixOf(version);
    const text = this.#near(tenant, key) ?? (await this.#texts(this.#space(tenant, [key]), [key]))[0];
    return this.#told(text, prefix) ? { value: valueOfExactText(text, prefix.length) as T } : undefined;
  }

  async getMany<T>(tenant: TenantId, keys: readonly string[]): Promise<ReadonlyMap<string, CacheHit<T>>> {
    const prefix = prefixOf(undefined);
    const texts = await this.#texts(this.#space(tenant, keys), keys);
    const hits = new Map<string, CacheHit<T>>();
    for (const [at, key] of keys.entries()) {
      const text = texts[at];
      if (this.#told(text, prefix)) hits.set(key, { value: valueOfExactText(text, prefix.length) as T });
    }
    return hits;
  }

  async set(tenant: TenantId, key: string, value: unknown, options: CacheOptions = {}): Promise<boolean> {
    const stored = await this.setMany(tenant, new Map([[key, value]]), options);
    return stored.get(key) ?? false;
  }

  async setMany(
    tenant: TenantId,
    values: ReadonlyMap<string, unknown>,
    options: CacheOptions = {},
  ): Promise<ReadonlyMap<string, boolean>> {
    const space = this.#space(tenant, values.keys());
    const entries = [...values].map(([key, value]) => this.#entry(key, textOf(value, options), options));
    for (const { key } of entries) this.#forgetLoads(space, key);
    const stored = await this.#attempt('set', (strategy) => strategy.setMany(space, entries), []);
    return new Map(entries.map(({ key }, at) => [key, stored[at] ?? false]));
  }

  async delete(tenant: TenantId, key: string): Promise<boolean> {
    const space = this.#space(tenant, [key]);
    this.#forgetLoads(space, key);
    return this.#attempt('delete', (strategy) => strategy.delete(space, key), false);
  }

  async exists(tenant: TenantId, key: string): Promise<boolean> {
    const space = this.#space(tenant, [key]);
    return this.#attempt('exists', (strategy) => strategy.exists(space, key), false);
  }

  async expire(tenant: TenantId, key: string, ttlSeconds: number): Promise<boolean> {
    const [space, ttlMs] = [this.#space(tenant, [key]), millisecondsOf(ttlSeconds)];
    return this.#attempt('expire', (strategy) => strategy.expire(space, key, ttlMs), false);
  }

  async clear(tenant: TenantId, pattern = '*'): Promise<number> {
    const space = this.#space(tenant, [pattern]);
    this.#forgetLoads(space);
    return this.#attempt('clear', (strategy) => strategy.clear(space, pattern), 0);
  }

  async invalidateTags(tenant: TenantId, tags: readonly string[]): Promise<number> {
    const space = this.#space(tenant, tags);
    this.#forgetLoads(space);
    return this.#attempt('invalidate', (strategy) => strategy.invalidateTags(space, tags), 0);
  }

  async remember<T>(tenant: TenantId, key: string, load: () => Promise<T>, options: CacheOptions = {}): Promise<T> {
    const prefix = prefixOf(options.version);
    const near = this.#near(tenant, key);
    if (near?.startsWith(prefix)) {
      this.#parts.meter.hit();
      return valueOfExactText(near, prefix.length) as T;
    }
    const space = this.#space(tenant, [key]);
    this.#refuseOptions(options);
    const at = `${loadPlace(space, key)}\n${prefix}`;
    let text = this.#loads.get(at);
    if (text === undefined) {
      text = this.#claimed(space, key, load, options).finally(() => {
        if (this.#loads.get(at) === text) this.#loads.delete(at);
      });
      this.#loads.set(at, text);
    } else {
      this.#parts.meter.hit();
    }
    // Everybody gets a value of their own, the one who loaded it, too.
    return valueOfExactText(await text, prefix.length) as T;
  }

  async writeThrough<T>(
    tenant: TenantId,
    key: string,
    write: () => Promise<T>,
    options: CacheOptions = {},
  ): Promise<T> {
    const space = this.#space(tenant, [key]);
    this.#refuseOptions(options);
    const { leaseMs } = this.#settings;
    this.#forgetLoads(space, key);
    const lease = await this.#attempt('hold', (strategy) => strategy.hold(space, key, leaseMs), undefined);
    let value: T;
    try {
      value = await write();
    } catch (error) {
      if (lease !== undefined) await this.#release(space, key, lease);
      throw error;
    }
    this.#forgetLoads(space, key);
    const isFilled = lease !== undefined && (await this.#fill(space, key, value, options, lease));
    // Who was not alone, or did not get through: nobody may read what was there before.
    if (!isFilled) await this.delete(tenant, key);
    return value;
  }

  async #claimed(space: CacheSpace, key: string, load: () => Promise<unknown>, options: CacheOptions): Promise<string> {
    const { leaseMs, waitMsMax } = this.#settings;
    const prefix = prefixOf(options.version);
    const wanted = { prefix, leaseMs, tags: options.tags ?? [] };
    const endsAtMs = performance.now() + waitMsMax;
    for (;;) {
      const claim = await this.#attempt('get', (strategy) => strategy.claim(space, key, wanted), undefined);
      if (claim === undefined) return this.#loaded(load, options);
      if (claim !== 'taken' && 'text' in claim) {
        this.#parts.meter.hit();
        return claim.text;
      }
      if (claim !== 'taken') return this.#loadedUnder(claim.lease, space, key, load, options);
      if (performance.now() >= endsAtMs) return this.#loaded(load, options);
      await pause(POLL_MS);
    }
  }

  async #loadedUnder(
    lease: string,
    space: CacheSpace,
    key: string,
    load: () => Promise<unknown>,
    options: CacheOptions,
  ): Promise<string> {
    try {
      const text = await this.#loaded(load, options);
      const entry = this.#entry(key, text, options);
      await this.#attempt('set', (strategy) => strategy.fill(space, entry, lease), false);
      return text;
    } catch (error) {
      await this.#release(space, key, lease);
      throw error;
    }
  }

  async #loaded(load: () => Promise<unknown>, options: CacheOptions): Promise<string> {
    this.#parts.meter.miss();
    return textOf(await load(), options);
  }

  async #fill(space: CacheSpace, key: string, value: unknown, options: CacheOptions, lease: string): Promise<boolean> {
    const entry = this.#entry(key, textOf(value, options), options);
    return this.#attempt('set', (strategy) => strategy.fill(space, entry, lease), false);
  }

  #release(space: CacheSpace, key: string, lease: string): Promise<void> {
    return this.#attempt('release', (strategy) => strategy.release(space, key, lease), undefined);
  }

  /** A value at hand, for a tenant whose name was checked before. */
  #near(tenant: TenantId, key: string): string | undefined {
    refuseKey(key);
    const space = this.#spaces.get(tenant);
    return space === undefined ? undefined : this.#parts.strategy.peek?.(space, key);
  }

  async #texts(space: CacheSpace, keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    const { strategy } = this.#parts;
    if (strategy.peek === undefined) return this.#attempt('get', () => strategy.getMany(space, keys), []);
    const near = keys.map((key) => strategy.peek!(space, key));
    return near.includes(undefined) ? this.#attempt('get', () => strategy.getMany(space, keys), near) : near;
  }

  #told(text: string | undefined, prefix: string): text is string {
    const isHit = text?.startsWith(prefix) ?? false;
    if (isHit) this.#parts.meter.hit();
    else this.#parts.meter.miss();
    return isHit;
  }

  /** What a strategy cannot do is no error for whoever wants a value. */
  async #attempt<T, Fallback>(
    operation: string,
    work: (strategy: CacheStrategy) => Promise<T>,
    fallback: Fallback,
  ): Promise<T | Fallback> {
    const { strategy, meter, outage } = this.#parts;
    const startedAtMs = performance.now();
    try {
      const done = await work(strategy);
      outage.ended();
      return done;
    } catch (error) {
      meter.failed();
      outage.goesOn(error);
      return fallback;
    } finally {
      meter.took(operation, performance.now() - startedAtMs);
    }
  }

  #entry(key: string, text: string, { ttlSeconds, tags }: CacheOptions): CacheEntry {
    const ttlMs = millisecondsOf(ttlSeconds ?? this.#settings.ttlSeconds);
    const shortenedMs = ttlMs * (1 - this.#settings.ttlJitter * this.#parts.chance());
    return { key, text, ttlMs: Math.max(1, Math.round(shortenedMs)), tags: tags ?? [] };
  }

  /** Before anything is loaded or written. */
  #refuseOptions({ ttlSeconds, tags }: CacheOptions): void {
    if (ttlSeconds !== undefined) millisecondsOf(ttlSeconds);
    for (const tag of tags ?? []) refuseKey(tag);
  }

  #space(tenant: TenantId, keys: Iterable<string>): CacheSpace {
    for (const key of keys) refuseKey(key);
    const known = this.#spaces.get(tenant);
    if (known !== undefined) return known;
    const space = { tenant: parseTenantId(tenant), cache: this.name };
    if (this.#spaces.size >= SPACES_MAX) this.#spaces.clear();
    this.#spaces.set(tenant, space);
    return space;
  }

  /** Who asks from now on does not share a load that began before. */
  #forgetLoads(space: CacheSpace, key?: string): void {
    const prefix = `${loadPlace(space, key ?? '')}${key === undefined ? '' : '\n'}`;
    for (const at of this.#loads.keys()) if (at.startsWith(prefix)) this.#loads.delete(at);
  }
}

const loadPlace = ({ tenant }: CacheSpace, key: string): string => `${tenant}\n${key}`;

// A text says first which version it is of; versions hold no line breaks.
const prefixOf = (version: string | undefined): string => `${version ?? ''}\n`;

const textOf = (value: unknown, { version }: CacheOptions): string => prefixOf(version) + exactTextOf(value);

function millisecondsOf(ttlSeconds: number): number {
  if (ttlSeconds > 0 && ttlSeconds <= TTL_SECONDS_MAX) return Math.max(1, Math.round(ttlSeconds * 1_000));
  throw new InvalidInput(
    'cache.ttl-refused',
    `A value cannot be kept for ${ttlSeconds} seconds.`,
    `Use more than 0 and at most ${TTL_SECONDS_MAX} seconds, or delete the value.`,
  );
}

function refuseKey(key: string): void {
  if (key.length > 0 && key.length <= KEY_LENGTH_MAX && !key.includes('\n') && key.isWellFormed()) return;
  throw new InvalidInput(
    'cache.key-refused',
    `${JSON.stringify(key.slice(0, 80))} cannot be a key, pattern or tag of a cache.`,
    `Use 1 to ${KEY_LENGTH_MAX} characters without line breaks.`,
  );
}
