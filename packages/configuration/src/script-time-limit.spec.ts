import { describe, expect, it } from '@jest/globals';
import { ScriptTimeLimit } from './script-time-limit.ts';

const LIMIT_MS = 50;
const LONG_MS = 10_000;

describe('The time limit', () => {
  const limit = new ScriptTimeLimit();

  it('gives the value of work that is over in time, and throws what it throws, as it is', () => {
    const value = { of: 'work' };
    expect(limit.run(LONG_MS, () => value)?.value).toBe(value);
    const refused = new TypeError('refused');
    expect(() =>
      limit.run(LONG_MS, () => {
        throw refused;
      }),
    ).toThrow(refused);
  });

  it.each([
    [
      'a loop that holds on to every error',
      () => {
        for (;;)
          try {
            for (;;);
          } catch {
            continue;
          }
      },
    ],
    ['an expression that tries every way', () => /^(a+)+$/.test(`${'a'.repeat(60)}!`)],
    ['a computation', () => Array.from({ length: 1e9 }, (_, n) => Math.sqrt(n)).length],
  ])('ends %s, and the next run is as before', (_, endless: () => unknown) => {
    const startedAtMs = performance.now();
    expect(limit.run(LIMIT_MS, endless)).toBeUndefined();
    expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(LIMIT_MS - 1);
    expect(limit.run(LONG_MS, () => 'next')).toEqual({ value: 'next' });
  });
});
