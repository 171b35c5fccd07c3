// Delays equal their formula.
import { describe, expect, it } from '@jest/globals';
import { exponential, fixed } from './retry-delay.ts';

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe('a delay', () => {
  it('S3-29 grows by its factor up to its limit', () => {
    const delay = exponential({ initialMs: 1_000, maxMs: 30_000 });
    expect(upTo(7).map((failures) => delay(failures))).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    const threefold = exponential({ initialMs: 10, maxMs: 1_000, multiplier: 3 });
    expect(upTo(6).map((failures) => threefold(failures))).toEqual([10, 30, 90, 270, 810, 1_000]);
  });

  it('S3-29 is drawn by lot as far as it is told, below its limit', () => {
    const drawn = (jitter: number, random: number) =>
      upTo(4).map((failures) => exponential({ initialMs: 100, maxMs: 400, jitter, random: () => random })(failures));
    expect(drawn(1, 0)).toEqual([0, 0, 0, 0]);
    expect(drawn(1, 0.5)).toEqual([50, 100, 200, 200]);
    expect(drawn(0.5, 0)).toEqual([50, 100, 200, 200]);
    expect(drawn(0.5, 0.5)).toEqual([75, 150, 300, 300]);
    const really = exponential({ initialMs: 100, maxMs: 400, jitter: 1 });
    const many = Array.from({ length: 200 }, () => really(9));
    expect(Math.min(...many)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...many)).toBeLessThanOrEqual(400);
    expect(new Set(many).size).toBeGreaterThan(100);
  });

  it('S3-29 is the same each time when it is fixed', () => {
    expect(upTo(3).map((failures) => fixed(250)(failures))).toEqual([250, 250, 250]);
  });

  it('is a number after any count of failures', () => {
    expect(exponential({ initialMs: 0, maxMs: 100 })(5_000)).toBe(0);
    expect(exponential({ initialMs: 1, maxMs: 100 })(5_000)).toBe(100);
  });
});
