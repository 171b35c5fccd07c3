// What every cache strategy promises, as one suite: an adapter's spec is one call.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { CacheEntry, CacheSpace, CacheStrategy } from '@groundwork/application';
import { eventually } from '../eventually.ts';
import { newId, newTenant } from '../new-event.ts';

export interface CacheStrategyUnderTest {
  readonly strategy: CacheStrategy;
  /** As another process sees the same texts; the same one where a strategy lives in one process only. */
  readonly elsewhere: CacheStrategy;
  close(): Promise<void>;
}

const LEASE_MS = 5_000;
const anything = { prefix: '', leaseMs: LEASE_MS, tags: [] };

/** Runs the contract of CacheStrategy; `make` opens one. */
export function describeCacheStrategy(name: string, make: () => Promise<CacheStrategyUnderTest>): void {
  describe(name, () => {
    const under = {} as { strategy: CacheStrategy; elsewhere: CacheStrategy; space: CacheSpace };
    let close: () => Promise<void>;
    beforeEach(async () => {
      const { strategy, elsewhere, close: end } = await make();
      Object.assign(under, {
        strategy,
        elsewhere,
        space: { tenant: newTenant(), cache: `cache-${newId().slice(-8)}` },
      });
      close = end;
    });
    afterEach(() => close());

    describeTexts(under);
    describeInvalidating(under);
    describeLeases(under);
    describeHolding(under);
  });
}

type Under = { strategy: CacheStrategy; elsewhere: CacheStrategy; space: CacheSpace };

const entry = (key: string, text = `text of ${key}`, more: Partial<CacheEntry> = {}): CacheEntry => ({
  key,
  text,
  ttlMs: 60_000,
  tags: [],
  ...more,
});

function describeTexts(under: Under): void {
  it('gives texts back as they were, in the order of the keys, and nothing for unknown keys', async () => {
    const { strategy, elsewhere, space } = under;
    const odd = ['a b', 'a:b', 'ä*?[x]\\', ',', '%3A', 'x'.repeat(1_000)];
    const stored = await strategy.setMany(
      space,
      odd.map((key) => entry(key, `"${key}"\u0000😀`)),
    );
    expect(stored).toEqual(odd.map(() => true));
    const asked = ['unknown', ...odd];
    const expected = [undefined, ...odd.map((key) => `"${key}"\u0000😀`)];
    expect(await strategy.getMany(space, asked)).toEqual(expected);
    expect(await elsewhere.getMany(space, asked)).toEqual(expected);
    expect(await strategy.getMany(space, [])).toEqual([]);
    expect(await strategy.exists(space, 'a:b')).toBe(true);
    expect(await strategy.exists(space, 'a')).toBe(false);
  });

  it('replaces a text, and never gives the old one again', async () => {
    const { strategy, space } = under;
    for (let n = 0; n < 20; n++) {
      await strategy.setMany(space, [entry('a', `text ${n}`)]);
      expect(await strategy.getMany(space, ['a'])).toEqual([`text ${n}`]);
    }
  });

  it('keeps tenants and caches apart, also in patterns and tags', async () => {
    const { strategy, space } = under;
    const others = [
      { ...space, tenant: newTenant() },
      { ...space, cache: `${space.cache}x` },
    ];
    for (const each of [space, ...others]) {
      await strategy.setMany(each, [entry('a', `${each.tenant} ${each.cache}`, { tags: ['t'] })]);
    }
    await strategy.clear(space, '*');
    await strategy.invalidateTags(space, ['t']);
    expect(await strategy.getMany(space, ['a'])).toEqual([undefined]);
    for (const each of others) {
      expect(await strategy.getMany(each, ['a'])).toEqual([`${each.tenant} ${each.cache}`]);
    }
    expect(await strategy.size(space.cache)).toBe(1);
    expect(await strategy.size(others[1]!.cache)).toBe(1);
  });

  it('ends a text on time, and later when it is told so', async () => {
    const { strategy, space } = under;
    await strategy.setMany(space, [entry('short', 'a', { ttlMs: 150 }), entry('longer', 'b', { ttlMs: 150 })]);
    expect(await strategy.expire(space, 'longer', 60_000)).toBe(true);
    expect(await strategy.expire(space, 'unknown', 60_000)).toBe(false);
    const storedMs = performance.now();
    await eventually(async () => (await strategy.getMany(space, ['short']))[0] === undefined, 2_000);
    expect(performance.now() - storedMs).toBeLessThan(1_000);
    expect(await strategy.getMany(space, ['longer'])).toEqual(['b']);
    expect(await strategy.expire(space, 'longer', 30)).toBe(true);
    await eventually(async () => (await strategy.getMany(space, ['longer']))[0] === undefined, 2_000);
  });
}

function describeInvalidating(under: Under): void {
  it('removes a key everywhere, and says whether there was one', async () => {
    const { strategy, elsewhere, space } = under;
    await strategy.setMany(space, [entry('a'), entry('b')]);
    await elsewhere.getMany(space, ['a']);
    expect(await strategy.delete(space, 'a')).toBe(true);
    expect(await strategy.delete(space, 'a')).toBe(false);
    await eventually(async () => (await elsewhere.getMany(space, ['a']))[0] === undefined, 1_000);
    expect(await strategy.getMany(space, ['a', 'b'])).toEqual([undefined, 'text of b']);
  });

  it('clears what matches a pattern and nothing else', async () => {
    const { strategy, space } = under;
    const keys = ['list:1', 'list:2', 'list:10', 'list', 'a.b', 'axb', 'l*st', '[ab]'];
    const left = async (): Promise<readonly string[]> => {
      const texts = await strategy.getMany(space, keys);
      return keys.filter((_, at) => texts[at] !== undefined);
    };
    await strategy.setMany(
      space,
      keys.map((key) => entry(key)),
    );
    expect(await strategy.clear(space, 'list:?')).toBe(2);
    expect(await left()).toEqual(['list:10', 'list', 'a.b', 'axb', 'l*st', '[ab]']);
    expect(await strategy.clear(space, '[ab]')).toBe(1);
    expect(await strategy.clear(space, 'a.b')).toBe(1);
    expect(await strategy.clear(space, '*st')).toBe(2);
    expect(await left()).toEqual(['list:10', 'axb']);
    expect(await strategy.clear(space, '*')).toBe(2);
    expect(await left()).toEqual([]);
  });

  it('invalidates by tag all that carries one of the tags', async () => {
    const { strategy, elsewhere, space } = under;
    await strategy.setMany(space, [
      entry('a', 'a', { tags: ['red', 'round'] }),
      entry('b', 'b', { tags: ['red'] }),
      entry('c', 'c', { tags: ['blue'] }),
      entry('d', 'd'),
    ]);
    await elsewhere.getMany(space, ['a', 'b', 'c', 'd']);
    expect(await strategy.invalidateTags(space, ['red', 'unknown'])).toBe(2);
    await eventually(
      async () =>
        String(await elsewhere.getMany(space, ['a', 'b', 'c', 'd'])) === String([undefined, undefined, 'c', 'd']),
      1_000,
    );
    expect(await strategy.getMany(space, ['a', 'b', 'c', 'd'])).toEqual([undefined, undefined, 'c', 'd']);
    expect(await strategy.invalidateTags(space, ['blue'])).toBe(1);
    expect(await strategy.invalidateTags(space, ['red'])).toBe(0);
  });

  it('invalidates by tag what was told to end later than it was stored for', async () => {
    const { strategy, elsewhere, space } = under;
    const tags = ['red', 'round'];
    await strategy.setMany(space, [entry('a', 'a', { tags, ttlMs: 150 }), entry('b', 'b', { tags, ttlMs: 150 })]);
    expect(await elsewhere.expire(space, 'a', 60_000)).toBe(true);
    await eventually(async () => (await strategy.getMany(space, ['b']))[0] === undefined, 2_000);
    // Whoever is tagged now takes out what has ended.
    await strategy.setMany(space, [entry('c', 'c', { tags: ['round'] })]);
    expect(await strategy.invalidateTags(space, ['red'])).toBe(1);
    expect(await strategy.getMany(space, ['a', 'c'])).toEqual([undefined, 'c']);
    expect(await strategy.invalidateTags(space, ['round'])).toBe(1);
  });
}

function describeLeases(under: Under): void {
  const leaseOf = async (strategy: CacheStrategy, key: string, tags: readonly string[] = []): Promise<string> => {
    const claim = await strategy.claim(under.space, key, { ...anything, tags });
    if (claim === 'taken' || !('lease' in claim)) throw new Error('There is no lease to be had.');
    return claim.lease;
  };

  it('gives one lease for a key, or the text that is there', async () => {
    const { strategy, elsewhere, space } = under;
    const lease = await leaseOf(strategy, 'a');
    expect(await elsewhere.claim(space, 'a', anything)).toBe('taken');
    expect(await elsewhere.fill(space, entry('a', 'other'), 'no lease')).toBe(false);
    expect(await strategy.fill(space, entry('a', 'v1 loaded'), lease)).toBe(true);
    expect(await strategy.fill(space, entry('a', 'again'), lease)).toBe(false);
    expect(await elsewhere.claim(space, 'a', anything)).toEqual({ text: 'v1 loaded' });
    expect(await elsewhere.claim(space, 'a', { ...anything, prefix: 'v1 ' })).toEqual({ text: 'v1 loaded' });
    expect(await elsewhere.claim(space, 'a', { ...anything, prefix: 'v2 ' })).toEqual({ lease: expect.any(String) });
    expect(await strategy.getMany(space, ['a'])).toEqual(['v1 loaded']);
  });

  it('gives a lease again that was released, or whose time has run out', async () => {
    const { strategy, elsewhere, space } = under;
    await strategy.release(space, 'a', await leaseOf(strategy, 'a'));
    await leaseOf(elsewhere, 'a');
    const claim = await strategy.claim(space, 'b', { ...anything, leaseMs: 100 });
    await eventually(async () => (await elsewhere.claim(space, 'b', anything)) !== 'taken', 2_000);
    expect(await strategy.fill(space, entry('b', 'too late'), (claim as { lease: string }).lease)).toBe(false);
  });

  it.each<[string, (under: Under) => Promise<unknown>]>([
    ['deleted', ({ elsewhere, space }) => elsewhere.delete(space, 'a')],
    ['replaced', ({ elsewhere, space }) => elsewhere.setMany(space, [entry('a', 'newer')])],
    ['cleared', ({ elsewhere, space }) => elsewhere.clear(space, 'a*')],
    ['invalidated by tag', ({ elsewhere, space }) => elsewhere.invalidateTags(space, ['t'])],
  ])('does not store what was loaded before the key was %s', async (_, invalidate) => {
    const { strategy, space } = under;
    const lease = await leaseOf(strategy, 'a', ['t']);
    await invalidate(under);
    expect(await strategy.fill(space, entry('a', 'older'), lease)).toBe(false);
    expect((await strategy.getMany(space, ['a']))[0]).not.toBe('older');
  });
}

function describeHolding(under: Under): void {
  it('hides a value while it is written, and shows the new one or, released, the old one', async () => {
    const { strategy, elsewhere, space } = under;
    await strategy.setMany(space, [entry('a', 'old')]);
    const failed = await strategy.hold(space, 'a', LEASE_MS);
    expect(await strategy.getMany(space, ['a'])).toEqual([undefined]);
    expect(await elsewhere.claim(space, 'a', anything)).toBe('taken');
    await strategy.release(space, 'a', failed);
    expect(await strategy.getMany(space, ['a'])).toEqual(['old']);
    expect(await strategy.fill(space, entry('a', 'new'), await strategy.hold(space, 'a', LEASE_MS))).toBe(true);
    expect(await elsewhere.getMany(space, ['a'])).toEqual(['new']);
  });

  it('ends the lease of a reader, whose value is older', async () => {
    const { strategy, elsewhere, space } = under;
    const reading = await elsewhere.claim(space, 'a', anything);
    const writing = await strategy.hold(space, 'a', LEASE_MS);
    expect(await elsewhere.fill(space, entry('a', 'older'), (reading as { lease: string }).lease)).toBe(false);
    expect(await strategy.fill(space, entry('a', 'newer'), writing)).toBe(true);
    expect(await elsewhere.getMany(space, ['a'])).toEqual(['newer']);
  });

  it('shows no old value when two write at once, whichever of them fails', async () => {
    const { strategy, elsewhere, space } = under;
    await strategy.setMany(space, [entry('a', 'old')]);
    const first = await strategy.hold(space, 'a', LEASE_MS);
    const second = await elsewhere.hold(space, 'a', LEASE_MS);
    expect(await strategy.fill(space, entry('a', 'first'), first)).toBe(false);
    await elsewhere.release(space, 'a', second);
    expect(await strategy.getMany(space, ['a'])).toEqual([undefined]);
  });

  it('does not show what a writer hid that never came back, also when a load fails afterwards', async () => {
    const { strategy, elsewhere, space } = under;
    await strategy.setMany(space, [entry('a', 'old')]);
    await strategy.hold(space, 'a', 100);
    const claimed = await eventually(async () => {
      const claim = await elsewhere.claim(space, 'a', anything);
      return claim !== 'taken' && claim;
    }, 2_000);
    await elsewhere.release(space, 'a', (claimed as { lease: string }).lease);
    expect(await strategy.getMany(space, ['a'])).toEqual([undefined]);
  });
}
