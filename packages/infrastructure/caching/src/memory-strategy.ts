// Texts in the memory of this process, the least recently used of which make room for others.
import { randomUUID } from 'node:crypto';
import type { CacheClaim, CacheEntry, CacheSpace, CacheStrategy } from '@groundwork/application';
import { LRUCache } from 'lru-cache';
import { globMatcher } from './glob.ts';

export interface MemoryLimits {
  /** Over all tenants and caches. */
  readonly entriesMax: number;
  readonly bytesMax: number;
}

interface Lease {
  readonly token: string;
  readonly untilMs: number;
  readonly tags: readonly string[];
  /** What is there again when a lease that hides it is released. */
  held?: { readonly entry: CacheEntry; readonly untilMs: number };
}

/** What a text costs beside its letters. */
const ENTRY_BYTES = 100;

export class MemoryStrategy implements CacheStrategy {
  readonly #entries: LRUCache<string, CacheEntry>;
  readonly #leases = new Map<string, Lease>();
  /** The keys of each tag. */
  readonly #tagged = new Map<string, Set<string>>();
  readonly #sizes = new Map<string, number>();

  constructor({ entriesMax, bytesMax }: MemoryLimits) {
    this.#entries = new LRUCache<string, CacheEntry>({
      max: entriesMax,
      maxSize: bytesMax,
      sizeCalculation: ({ text }, at) => 2 * (text.length + at.length) + ENTRY_BYTES,
      onInsert: (_entry, at, reason) => {
        if (reason === 'add') this.#count(at, 1);
      },
      dispose: (entry, at, reason) => {
        if (reason !== 'set') this.#count(at, -1);
        this.#untag(at, entry);
      },
    });
  }

  async getMany(space: CacheSpace, keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return keys.map((key) => this.peek(space, key));
  }

  peek(space: CacheSpace, key: string): string | undefined {
    return this.#entries.get(placeOf(space, key))?.text;
  }

  async setMany(space: CacheSpace, entries: readonly CacheEntry[]): Promise<readonly boolean[]> {
    return entries.map((entry) => {
      this.#leases.delete(placeOf(space, entry.key));
      return this.#store(space, entry, entry.ttlMs);
    });
  }

  async delete(space: CacheSpace, key: string): Promise<boolean> {
    return this.#remove(placeOf(space, key));
  }

  async exists(space: CacheSpace, key: string): Promise<boolean> {
    return this.#entries.has(placeOf(space, key));
  }

  async expire(space: CacheSpace, key: string, ttlMs: number): Promise<boolean> {
    const entry = this.#entries.peek(placeOf(space, key));
    return entry !== undefined && this.#store(space, { ...entry, ttlMs }, ttlMs);
  }

  async clear(space: CacheSpace, pattern: string): Promise<number> {
    const [matches, prefix] = [globMatcher(pattern), placeOf(space, '')];
    const isMeant = (at: string): boolean => at.startsWith(prefix) && matches(at.slice(prefix.length));
    for (const at of [...this.#leases.keys()].filter(isMeant)) this.#leases.delete(at);
    const found = [...this.#entries.keys()].filter(isMeant);
    return found.filter((at) => this.#remove(at)).length;
  }

  async invalidateTags(space: CacheSpace, tags: readonly string[]): Promise<number> {
    const prefix = placeOf(space, '');
    for (const [at, lease] of this.#leases) {
      if (at.startsWith(prefix) && lease.tags.some((tag) => tags.includes(tag))) this.#leases.delete(at);
    }
    const found = new Set(tags.flatMap((tag) => [...(this.#tagged.get(placeOf(space, tag)) ?? [])]));
    return [...found].filter((at) => this.#remove(at)).length;
  }

  async claim(
    space: CacheSpace,
    key: string,
    { prefix, leaseMs, tags }: { prefix: string; leaseMs: number; tags: readonly string[] },
  ): Promise<CacheClaim> {
    const text = this.peek(space, key);
    if (text?.startsWith(prefix)) return { text };
    const at = placeOf(space, key);
    if (this.#leaseAt(at) !== undefined) return 'taken';
    return { lease: this.#lease(at, leaseMs, tags) };
  }

  async hold(space: CacheSpace, key: string, leaseMs: number): Promise<string> {
    const at = placeOf(space, key);
    const [other, entry] = [this.#leaseAt(at), this.#entries.peek(at)];
    const untilMs = performance.now() + this.#entries.getRemainingTTL(at);
    const token = this.#lease(at, leaseMs, entry?.tags ?? []);
    // Of two who write at once nobody knows which value is the right one.
    if (entry !== undefined && other?.held === undefined) this.#leases.get(at)!.held = { entry, untilMs };
    this.#entries.delete(at);
    return token;
  }

  async fill(space: CacheSpace, entry: CacheEntry, lease: string): Promise<boolean> {
    const at = placeOf(space, entry.key);
    if (this.#leaseAt(at)?.token !== lease) return false;
    this.#leases.delete(at);
    return this.#store(space, entry, entry.ttlMs);
  }

  async release(space: CacheSpace, key: string, lease: string): Promise<void> {
    const at = placeOf(space, key);
    const own = this.#leaseAt(at);
    if (own?.token !== lease) return;
    this.#leases.delete(at);
    const ttlMs = (own.held?.untilMs ?? 0) - performance.now();
    if (own.held !== undefined && ttlMs > 0) this.#store(space, own.held.entry, ttlMs);
  }

  async size(cache: string): Promise<number> {
    this.#entries.purgeStale();
    return this.#sizes.get(cache) ?? 0;
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {
    this.#entries.clear();
    this.#leases.clear();
  }

  #store(space: CacheSpace, entry: CacheEntry, ttlMs: number): boolean {
    const at = placeOf(space, entry.key);
    this.#entries.set(at, entry, { ttl: Math.min(ttlMs, Number.MAX_SAFE_INTEGER) });
    // What is larger than the whole cache is not stored.
    if (!this.#entries.has(at)) return false;
    for (const tag of entry.tags) {
      const place = placeOf(space, tag);
      this.#tagged.set(place, (this.#tagged.get(place) ?? new Set()).add(at));
    }
    return true;
  }

  #remove(at: string): boolean {
    this.#leases.delete(at);
    return this.#entries.has(at) && this.#entries.delete(at);
  }

  #untag(at: string, { tags }: CacheEntry): void {
    const space = at.slice(0, at.lastIndexOf(SEPARATOR) + 1);
    for (const tag of tags) {
      const keys = this.#tagged.get(space + tag);
      keys?.delete(at);
      if (keys?.size === 0) this.#tagged.delete(space + tag);
    }
  }

  #count(at: string, by: number): void {
    const cache = at.slice(0, at.indexOf(SEPARATOR));
    this.#sizes.set(cache, (this.#sizes.get(cache) ?? 0) + by);
  }

  #leaseAt(at: string): Lease | undefined {
    const lease = this.#leases.get(at);
    if (lease !== undefined && lease.untilMs <= performance.now()) this.#leases.delete(at);
    return this.#leases.get(at);
  }

  #lease(at: string, leaseMs: number, tags: readonly string[]): string {
    const token = randomUUID();
    this.#leases.set(at, { token, untilMs: performance.now() + leaseMs, tags });
    return token;
  }
}

// Neither names of caches nor tenants hold it, and keys are refused that do.
const SEPARATOR = '\n';
const placeOf = ({ cache, tenant }: CacheSpace, key: string): string =>
  `${cache}${SEPARATOR}${tenant}${SEPARATOR}${key}`;
