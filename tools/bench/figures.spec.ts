// What the figures must not fall below on any machine: the suites themselves, run small.
import { testDatabase, type TestDatabase } from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { latenciesAt } from './latency-suite.ts';
import { projectedByOneAndMore } from './projecting-workers.ts';
import { oneAndMore } from './workers-suite.ts';

const silently = (): void => undefined;

describe('a product that is measured', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await testDatabase();
  });
  afterEach(() => database.drop());

  it('S1-52 projects 95 of 100 events within 500 ms of their append, at 200 events a second', async () => {
    const [latency] = await latenciesAt(database.url, [200], { warmUpMs: 1_000, windowMs: 4_000, note: silently });
    expect(latency!.p95Ms).toBeLessThan(500);
  }, 60_000);

  it('S1-54 runs commands that wait for others faster with three workers than with one, in order and once', async () => {
    const { one, more } = await oneAndMore(database.url, 120, silently);
    expect(more / one).toBeGreaterThan(1.5);
  }, 60_000);

  it('projects what takes the processor by three workers as by one: every event once, in the order of its stream', async () => {
    const catching = { events: 1_000, rounds: 1, workers: 3, note: silently };
    expect(await projectedByOneAndMore(database.url, catching)).toEqual([
      { one: expect.any(Number), more: expect.any(Number) },
    ]);
  }, 60_000);
});
