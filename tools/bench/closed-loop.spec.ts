import { describe, expect, it } from '@jest/globals';
import { figuresOf, medianRatio, runWindow } from './closed-loop.ts';

describe('the closed loop', () => {
  it('lets every client ask again as soon as it is answered, and never more than one request at a time', async () => {
    const open = [0, 0, 0];
    const openMax = [0, 0, 0];
    const window = await runWindow(
      async (client) => {
        openMax[client] = Math.max(openMax[client]!, ++open[client]!);
        await new Promise((resolve) => setImmediate(resolve));
        open[client]!--;
      },
      3,
      50,
    );
    expect(openMax).toEqual([1, 1, 1]);
    expect(window.latenciesMs.length).toBeGreaterThan(3);
  });

  it('gives the median rate, and percentiles over all requests', () => {
    const windows = [
      { perSecond: 90, latenciesMs: [1, 2, 3] },
      { perSecond: 110, latenciesMs: [4, 100] },
      { perSecond: 10, latenciesMs: [5] },
    ];
    expect(figuresOf(windows)).toEqual({ perSecond: 90, p50Ms: 3, p99Ms: 100 });
  });

  it('compares neighbouring windows, so that one slow minute does not count for one side only', () => {
    const window = (perSecond: number) => ({ perSecond, latenciesMs: [] });
    expect(medianRatio([10, 1000, 100].map(window), [5, 500, 10].map(window))).toBe(2);
  });
});
