// The caches of a process by their names, and the strategies that are in use.
import {
  Misconfigured,
  type Cache,
  type CacheDefinition,
  type Caches,
  type CacheStrategy,
  type CacheStrategyDefinition,
  type Logger,
  type Metrics,
} from '@groundwork/application';
import { CacheMeter } from './cache-meter.ts';
import type { CachingSettings } from './caching.settings.ts';
import { NAMED_CACHE_DEFAULTS, NamedCache } from './named-cache.ts';
import { Outage } from './outage.ts';

export const DEFAULT_CACHE = 'default';

export interface NamedCachesParts {
  readonly definitions: readonly CacheDefinition[];
  readonly strategies: readonly CacheStrategyDefinition[];
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface OpenStrategy {
  readonly strategy: CacheStrategy;
  readonly outage: Outage;
}

const SIZE_INTERVAL_MS = 60_000;

/** Throws Misconfigured `cache.strategy-unknown` and `cache.unknown` when it is made, not when it is used. */
export class NamedCaches implements Caches {
  readonly #parts: NamedCachesParts;
  readonly #settings: CachingSettings;
  readonly #open = new Map<string, OpenStrategy>();
  readonly #caches = new Map<string, { readonly cache: Cache; readonly used: OpenStrategy }>();
  readonly #sizes: NodeJS.Timeout;

  constructor(parts: NamedCachesParts, settings: CachingSettings, presetStrategy: string) {
    this.#parts = parts;
    this.#settings = settings;
    const definitions = [{ name: DEFAULT_CACHE }, ...parts.definitions];
    for (const name of Object.keys(settings.strategies ?? {})) {
      if (!definitions.some((defined) => defined.name === name)) throw unknownCache(name, definitions);
    }
    for (const definition of definitions) {
      const strategy = settings.strategies?.[definition.name] ?? definition.strategy ?? settings.strategy;
      this.#add(definition, strategy ?? presetStrategy);
    }
    const gauge = parts.metrics.gauge('groundwork_cache_entries', 'How many values a cache has.', ['cache']);
    const tellSizes = async (): Promise<void> => {
      for (const [name, { used }] of this.#caches) {
        await used.strategy.size(name).then(
          (size) => gauge.set(size, { cache: name }),
          () => undefined,
        );
      }
    };
    this.#sizes = setInterval(() => void tellSizes(), SIZE_INTERVAL_MS).unref();
  }

  cache(name: string = DEFAULT_CACHE): Cache {
    const found = this.#caches.get(name);
    if (found === undefined)
      throw unknownCache(
        name,
        [...this.#caches.keys()].map((known) => ({ name: known })),
      );
    return found.cache;
  }

  /** Rejects with what is wrong with a strategy that is in use. */
  async check(): Promise<void> {
    await Promise.all([...this.#open.values()].map(({ strategy }) => strategy.check()));
  }

  async close(): Promise<void> {
    clearInterval(this.#sizes);
    await Promise.all([...this.#open.values()].map(({ strategy }) => strategy.close()));
  }

  #add({ name, ttlSeconds }: CacheDefinition, strategyName: string): void {
    if (this.#caches.has(name)) throw definedTwice(name);
    const used = this.#opened(strategyName);
    const settings = {
      ...NAMED_CACHE_DEFAULTS,
      name,
      ttlSeconds: ttlSeconds ?? this.#settings.ttlSeconds,
      ttlJitter: this.#settings.ttlJitterPercent / 100,
    };
    const meter = new CacheMeter(name, this.#parts.metrics);
    this.#caches.set(name, { cache: new NamedCache(settings, { ...used, meter }), used });
  }

  /** Caches of one strategy share what it has opened. */
  #opened(name: string): OpenStrategy {
    const known = this.#open.get(name);
    if (known !== undefined) return known;
    const definition = this.#parts.strategies.find((each) => each.name === name);
    if (definition === undefined) throw unknownStrategy(name, this.#parts.strategies);
    const outage = new Outage(this.#parts.logger.child({ strategy: name }));
    const opened = { strategy: definition.open(), outage };
    this.#open.set(name, opened);
    return opened;
  }
}

const unknownCache = (name: string, known: readonly { readonly name: string }[]): Misconfigured =>
  new Misconfigured(
    'cache.unknown',
    `There is no cache "${name}"; there are ${known.map((each) => each.name).join(', ')}.`,
    'Bind a CacheDefinition of this name in a module, or use one that there is.',
  );

const definedTwice = (name: string): Misconfigured =>
  new Misconfigured(
    'cache.defined-twice',
    `Two modules define a cache "${name}".`,
    'Give one of them another name: their keys would mix.',
  );

const unknownStrategy = (name: string, known: readonly { readonly name: string }[]): Misconfigured =>
  new Misconfigured(
    'cache.strategy-unknown',
    `There is no cache strategy "${name}"; there are ${known.map((each) => each.name).join(', ')}.`,
    'Correct GW_CACHE_STRATEGY or GW_CACHE_STRATEGIES; redis and two-level need REDIS_URL.',
  );
