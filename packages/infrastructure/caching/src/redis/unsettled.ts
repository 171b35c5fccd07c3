// What could not be made invalid while Redis was away: done before anything is read there again.
import type { CacheSpace } from '@groundwork/application';

export type Invalidation = { readonly space: CacheSpace } & (
  { readonly key: string } | { readonly pattern: string } | { readonly tags: readonly string[] }
);

const COUNT_MAX = 1_000;

export class Unsettled {
  #invalidations = new Map<string, Invalidation>();

  get isEmpty(): boolean {
    return this.#invalidations.size === 0;
  }

  add(invalidation: Invalidation): void {
    this.#invalidations.set(JSON.stringify(invalidation), invalidation);
    if (this.#invalidations.size <= COUNT_MAX) return;
    // Rather too much than an endless list.
    const spaces = [...this.#invalidations.values()].map(({ space }): Invalidation => ({ space, pattern: '*' }));
    this.#invalidations = new Map(spaces.map((each) => [JSON.stringify(each), each]));
  }

  /** Does each by `settle`; what fails, and what comes meanwhile, stays. */
  async settle(settle: (invalidation: Invalidation) => Promise<unknown>): Promise<void> {
    for (const [name, invalidation] of [...this.#invalidations]) {
      await settle(invalidation);
      this.#invalidations.delete(name);
    }
  }
}
