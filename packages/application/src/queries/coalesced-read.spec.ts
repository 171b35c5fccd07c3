// Looks are shared, and nobody is answered with what was seen before the question.
import { describe, expect, it } from '@jest/globals';
import { CoalescedRead } from './coalesced-read.ts';

const INTERVAL_MS = 20;

describe('a coalesced read', () => {
  it('is one for all who ask at the same time', async () => {
    let looks = 0;
    const shared = new CoalescedRead(async () => ++looks, INTERVAL_MS);
    expect(await Promise.all(Array.from({ length: 100 }, () => shared.ask()))).toEqual(Array(100).fill(1));
    expect(looks).toBe(1);
  });

  it('begins after the question: who asks during a look gets the next one', async () => {
    let [looks, atOnce] = [0, 0];
    const mayEnd = Promise.withResolvers<void>();
    const shared = new CoalescedRead(async () => {
      expect(++atOnce).toBe(1);
      if (++looks === 1) await mayEnd.promise;
      atOnce--;
      return looks;
    }, INTERVAL_MS);
    const first = shared.ask();
    await new Promise((resolve) => setImmediate(resolve));
    expect(looks).toBe(1);
    const second = [shared.ask(), shared.ask()];
    mayEnd.resolve();
    expect(await first).toBe(1);
    expect(await Promise.all(second)).toEqual([2, 2]);
  });

  it('is taken no more often than the interval says, however often it is asked for', async () => {
    const looks: number[] = [];
    const shared = new CoalescedRead(async () => looks.push(performance.now()), INTERVAL_MS);
    for (let n = 0; n < 5; n++) await Promise.all([shared.ask(), shared.ask()]);
    expect(looks).toHaveLength(5);
    // A timer may be early by less than a millisecond.
    for (const [n, at] of looks.slice(1).entries()) expect(at - looks[n]!).toBeGreaterThan(INTERVAL_MS - 2);
  });

  it('tells everybody who asked when it fails, and looks again for the next', async () => {
    let looks = 0;
    const shared = new CoalescedRead(async () => {
      if (++looks === 1) throw new Error('away');
      return looks;
    }, 1);
    const asked = await Promise.allSettled([shared.ask(), shared.ask()]);
    expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await shared.ask()).toBe(2);
  });
});
