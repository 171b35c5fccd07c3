// The strategy of those who want no cache: everything is loaded, every time.
import type { CacheClaim, CacheEntry, CacheSpace, CacheStrategy } from '@groundwork/application';

/** Keeps nothing, and gives everybody the right to load: only within a process one load serves all who wait for it. */
export class NoStrategy implements CacheStrategy {
  async getMany(_space: CacheSpace, keys: readonly string[]): Promise<readonly undefined[]> {
    return keys.map(() => undefined);
  }
  async setMany(_space: CacheSpace, entries: readonly CacheEntry[]): Promise<readonly boolean[]> {
    return entries.map(() => false);
  }
  async delete(): Promise<boolean> {
    return false;
  }
  async exists(): Promise<boolean> {
    return false;
  }
  async expire(): Promise<boolean> {
    return false;
  }
  async clear(): Promise<number> {
    return 0;
  }
  async invalidateTags(): Promise<number> {
    return 0;
  }
  async claim(): Promise<CacheClaim> {
    return { lease: '' };
  }
  async hold(): Promise<string> {
    return '';
  }
  async fill(): Promise<boolean> {
    return false;
  }
  async release(): Promise<void> {}
  async size(): Promise<number> {
    return 0;
  }
  async check(): Promise<void> {}
  async close(): Promise<void> {}
}
