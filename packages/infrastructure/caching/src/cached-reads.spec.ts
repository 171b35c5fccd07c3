// Reads of a read model through a cache, while the read model changes between any two of their steps.
import { CachedReads, ProjectionReads, type CacheStrategy, type ReadModelVersions } from '@groundwork/application';
import { newTenant } from '@groundwork/testing';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MemoryStrategy } from './memory-strategy.ts';
import { namedCacheUnderTest } from './named-cache-under-test.ts';

const PROJECTION = { name: 'notes.note-list', eventTypes: ['NoteTaken'], schemaVersion: 1 };
const LIMITS = { entriesMax: 1_000, bytesMax: 10_000_000 };

/** A read model whose rows are the number of events that it has applied. */
class CountingModel {
  applied = 0;
  loads = 0;
  looks = 0;
  isSettled = true;
  readonly #step: () => Promise<void>;

  constructor(step: () => Promise<void> = () => Promise.resolve()) {
    this.#step = step;
  }

  readonly versions: ReadModelVersions = {
    of: async () => {
      this.looks++;
      await this.#step();
      return this.isSettled ? { id: `event-${this.applied}`, reached: BigInt(this.applied) } : undefined;
    },
  };

  readonly load = async (): Promise<{ applied: number }> => {
    this.loads++;
    await this.#step();
    return { applied: this.applied };
  };
}

describe('a cached read', () => {
  it('S2-59 shows nothing older than the read model was when it began, in whatever order its steps are taken', async () => {
    const action = fc.oneof(
      fc.constant({ kind: 'change' as const }),
      fc.record({ kind: fc.constant('read' as const), process: fc.nat(1), waits: fc.boolean() }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(action, { minLength: 4, maxLength: 16 }),
        fc.constantFrom(0, 3_600_000),
        async (scheduler, actions, staleMsMax) => {
          const tenant = newTenant();
          const step = () => scheduler.schedule(Promise.resolve());
          const model = new CountingModel(step);
          const shared = stepwise(new MemoryStrategy(LIMITS), step);
          const processes = [0, 1].map(() => {
            const { cache } = namedCacheUnderTest(shared);
            return new ProjectionReads(PROJECTION, cache, model.versions, staleMsMax);
          });
          const work = actions.map(async (taken) => {
            await step();
            if (taken.kind === 'change') return void model.applied++;
            const before = model.applied;
            const minPosition = taken.waits ? BigInt(before) : undefined;
            const { applied } = await processes[taken.process]!.read(tenant, 'all', model.load, { minPosition });
            // Who names a position sees it, however old other reads may be.
            if (taken.waits || staleMsMax === 0) expect(applied).toBeGreaterThanOrEqual(before);
          });
          await scheduler.waitFor(Promise.all(work));
        },
      ),
      { numRuns: 150 },
    );
  }, 60_000);

  it('loads once for as long as nothing changes, and looks once in the time that it may be older', async () => {
    const [model, tenant] = [new CountingModel(), newTenant()];
    const { cache, count } = namedCacheUnderTest(new MemoryStrategy(LIMITS));
    const reads = new CachedReads({ cache: () => cache }, model.versions, 60_000).of(PROJECTION);
    for (let n = 0; n < 50; n++) expect(await reads.read(tenant, 'all', model.load)).toEqual({ applied: 0 });
    expect([model.loads, model.looks, count('hits')]).toEqual([1, 1, 49]);
    model.applied = 1;
    expect(await reads.read(tenant, 'all', model.load, { minPosition: 1n })).toEqual({ applied: 1 });
    expect(await reads.read(tenant, 'all', model.load)).toEqual({ applied: 1 });
    expect([model.loads, model.looks]).toEqual([2, 2]);
  });

  it('is told apart from the same question to another projection of the same events', async () => {
    const [model, tenant] = [new CountingModel(), newTenant()];
    const { cache } = namedCacheUnderTest(new MemoryStrategy(LIMITS));
    const reads = new CachedReads({ cache: () => cache }, model.versions, 60_000);
    const [notes, authors] = [reads.of(PROJECTION), reads.of({ ...PROJECTION, name: 'notes.author-list' })];
    for (let n = 0; n < 2; n++) {
      expect(await notes.read(tenant, 'all', async () => 'notes')).toBe('notes');
      expect(await authors.read(tenant, 'all', async () => 'authors')).toBe('authors');
    }
    let loads = 0;
    for (const each of [notes, authors]) await each.read(tenant, 'all', async () => void loads++);
    expect(loads).toBe(0);
  });

  it('is no cached one while the rows may change without an event, and for questions without end', async () => {
    const [model, tenant] = [new CountingModel(), newTenant()];
    const { cache } = namedCacheUnderTest(new MemoryStrategy(LIMITS));
    const reads = new ProjectionReads(PROJECTION, cache, model.versions, 0);
    model.isSettled = false;
    for (let n = 0; n < 3; n++) await reads.read(tenant, 'all', model.load);
    model.isSettled = true;
    for (let n = 0; n < 3; n++) await reads.read(tenant, 'x'.repeat(5_000), model.load);
    expect(model.loads).toBe(6);
  });

  it('tells who reads when the database cannot be looked at, and looks again for the next', async () => {
    const [model, tenant] = [new CountingModel(), newTenant()];
    const { cache } = namedCacheUnderTest(new MemoryStrategy(LIMITS));
    let isAway = true;
    const versions: ReadModelVersions = {
      of: (...asked) => (isAway ? Promise.reject(new Error('away')) : model.versions.of(...asked)),
    };
    const reads = new ProjectionReads(PROJECTION, cache, versions, 60_000);
    await expect(reads.read(tenant, 'all', model.load)).rejects.toThrow('away');
    isAway = false;
    expect(await reads.read(tenant, 'all', model.load)).toEqual({ applied: 0 });
  });
});

/** The same strategy, with a step before each thing it does, as if it were reached over a network. */
const stepwise = (strategy: CacheStrategy, step: () => Promise<void>): CacheStrategy =>
  new Proxy(strategy, {
    get: (target, name: keyof CacheStrategy) =>
      name === 'peek'
        ? undefined
        : async (...given: never[]) => {
            await step();
            return (target[name] as (...all: never[]) => unknown).apply(target, given);
          },
  });
