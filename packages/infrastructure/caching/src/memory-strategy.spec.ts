import { describeCacheStrategy } from '@groundwork/testing';
import { describe, expect, it } from '@jest/globals';
import { MemoryStrategy } from './memory-strategy.ts';

describeCacheStrategy('the memory strategy', async () => {
  const strategy = new MemoryStrategy({ entriesMax: 1_000, bytesMax: 1_000_000 });
  return { strategy, elsewhere: strategy, close: () => strategy.close() };
});

describe('the memory', () => {
  const space = { tenant: 'demo', cache: 'things' };
  const entry = (key: string, text = 'text') => ({ key, text, ttlMs: 60_000, tags: ['all'] });

  it('S2-34 keeps what was used last, within its limits of entries and bytes', async () => {
    const few = new MemoryStrategy({ entriesMax: 3, bytesMax: 1_000_000 });
    await few.setMany(
      space,
      ['a', 'b', 'c'].map((key) => entry(key)),
    );
    await few.getMany(space, ['a']);
    await few.setMany(space, [entry('d')]);
    expect(await few.getMany(space, ['a', 'b', 'c', 'd'])).toEqual(['text', undefined, 'text', 'text']);
    expect(await few.size('things')).toBe(3);

    const small = new MemoryStrategy({ entriesMax: 1_000, bytesMax: 10_000 });
    await small.setMany(
      space,
      Array.from({ length: 100 }, (_, n) => entry(`k${n}`, 'x'.repeat(1_000))),
    );
    expect(await small.size('things')).toBeLessThan(6);
    expect(await small.setMany(space, [entry('large', 'x'.repeat(6_000))])).toEqual([false]);
    expect(await small.getMany(space, ['large'])).toEqual([undefined]);
  });
});
