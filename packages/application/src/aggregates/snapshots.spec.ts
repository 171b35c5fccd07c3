// Which snapshots a policy takes and which it uses: without a store.
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { Snapshots, type SnapshotPolicy } from './snapshots.ts';

const policy: SnapshotPolicy<{ count: number }> = {
  schemaVersion: 3,
  everyEvents: 10,
  schema: z.object({ count: z.number() }),
};
const same = (state: unknown): unknown => state;

describe('Snapshots', () => {
  it('are due when a multiple is reached or passed', () => {
    const snapshots = new Snapshots(policy);
    const due = [
      [0, 9],
      [0, 10],
      [9, 10],
      [10, 11],
      [9, 11],
      [8, 31],
      [10, 20],
    ] as const;
    expect(due.map(([before, after]) => snapshots.isDue(before, after))).toEqual([
      false,
      true,
      true,
      false,
      true,
      true,
      true,
    ]);
  });

  it('S1-07 refuse to be made with a missing hop, and ask for no older version than the first that has one', () => {
    const versionsOf = (upcasters: SnapshotPolicy<never>['upcasters']): unknown =>
      new Snapshots({ ...policy, ...(upcasters === undefined ? {} : { upcasters }) }).schemaVersions;
    expect(versionsOf(undefined)).toEqual({ from: 3, to: 3 });
    expect(versionsOf({ 2: same })).toEqual({ from: 2, to: 3 });
    expect(versionsOf({ 1: same, 2: same })).toEqual({ from: 1, to: 3 });
    expect(() => versionsOf({ 1: same })).toThrow(expect.objectContaining({ code: 'snapshots.missing-upcaster' }));
  });

  it.each([{ everyEvents: 0 }, { everyEvents: 1.5 }, { schemaVersion: 0 }])('refuse a policy with %j', (form) => {
    const made = (): unknown => new Snapshots({ ...policy, ...form });
    expect(made).toThrow(expect.objectContaining({ code: 'snapshots.malformed-policy' }));
  });

  it('are not taken of a state that would not come back', () => {
    const snapshots = new Snapshots(policy);
    expect(snapshots.of({ count: 1 })).toEqual({ schemaVersion: 3, stateText: '{"count":1}' });
    expect(snapshots.of({ count: NaN })).toBeUndefined();
    expect(snapshots.of({ count: 1n as never })).toBeUndefined();
  });

  it('give back what JSON cannot hold where the schema decodes it', () => {
    const snapshots = new Snapshots({ ...policy, schema: z.object({ at: z.coerce.date() }) });
    const state = { at: new Date('2026-01-01T00:00:00.000Z') };
    expect(snapshots.stateOf(snapshots.of(state)!)).toEqual({ state });
  });
});
