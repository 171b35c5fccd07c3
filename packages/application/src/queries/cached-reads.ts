// Reads of a read model that are kept for as long as its rows are the same, which the log itself says.
import type { TenantId } from '@groundwork/domain';
import type { Cache, Caches } from '../ports/cache.ts';
import type { ReadModelVersion, ReadModelVersions } from '../ports/read-model-versions.ts';
import type { Projection } from '../projections/projection.ts';

/** What is looked at to know whether rows are the same. */
export type ReadProjection = Pick<Projection, 'name' | 'eventTypes' | 'schemaVersion'>;

export interface CachedRead {
  /** The position that the reader has to see, and for which it has waited: see `waitForPosition`. */
  readonly minPosition?: bigint | undefined;
}

interface Look {
  readonly beganMs: number;
  readonly version: Promise<ReadModelVersion | undefined>;
  /** Undefined until it is known. */
  reached: bigint | undefined;
}

const TENANTS_MAX = 1_000;
// A question that is longer is hardly asked twice.
const KEY_LENGTH_MAX = 1_000;

/** Makes the cached reads of each projection. */
export class CachedReads {
  readonly #caches: Caches;
  readonly #versions: ReadModelVersions;
  readonly #staleMsMax: number;

  /** A read shows at least what the read model held `staleMsMax` before it began. */
  constructor(caches: Caches, versions: ReadModelVersions, staleMsMax: number) {
    this.#caches = caches;
    this.#versions = versions;
    this.#staleMsMax = staleMsMax;
  }

  /** What is read of the projection's rows, kept in the cache of this name. */
  of(projection: ReadProjection, cache?: string): ProjectionReads {
    return new ProjectionReads(projection, this.#caches.cache(cache), this.#versions, this.#staleMsMax);
  }
}

/**
 * What was read is kept under the version of the tenant's rows. A look at the database tells the present version, for
 * all readers of a tenant in this process for `staleMsMax`; nothing that other processes say, or fail to say, is
 * needed.
 */
export class ProjectionReads {
  readonly #projection: ReadProjection;
  readonly #cache: Cache;
  readonly #versions: ReadModelVersions;
  readonly #staleMsMax: number;
  readonly #looks = new Map<TenantId, Look>();

  constructor(projection: ReadProjection, cache: Cache, versions: ReadModelVersions, staleMsMax: number) {
    this.#projection = projection;
    this.#cache = cache;
    this.#versions = versions;
    this.#staleMsMax = staleMsMax;
  }

  /** What `load` reads of the tenant's rows for the question `key`, or what it read before of the same rows. */
  async read<T>(tenant: TenantId, key: string, load: () => Promise<T>, { minPosition }: CachedRead = {}): Promise<T> {
    // Projections of the same events ask the same cache the same questions, of other rows.
    const question = `${this.#projection.name}:${key}`;
    if (question.length > KEY_LENGTH_MAX) return load();
    const version = await this.#version(tenant, minPosition);
    if (version === undefined || version.reached < (minPosition ?? 0n)) return load();
    return this.#cache.remember(tenant, question, load, { version: version.id });
  }

  #version(tenant: TenantId, minPosition: bigint | undefined): Promise<ReadModelVersion | undefined> {
    const nowMs = performance.now();
    const last = this.#looks.get(tenant);
    const isFresh = last !== undefined && nowMs - last.beganMs < this.#staleMsMax;
    const isEnough = minPosition === undefined || (last?.reached ?? -1n) >= minPosition;
    return isFresh && isEnough ? last.version : this.#look(tenant, nowMs).version;
  }

  #look(tenant: TenantId, beganMs: number): Look {
    const look: Look = { beganMs, version: this.#versions.of(this.#projection, tenant), reached: undefined };
    if (this.#looks.size >= TENANTS_MAX) this.#looks.clear();
    this.#looks.set(tenant, look);
    look.version.then(
      (version) => (look.reached = version?.reached),
      // Whoever waits for it hears of it; the next reader looks again.
      () => this.#looks.get(tenant) === look && this.#looks.delete(tenant),
    );
    return look;
  }
}
