// The part of the contract about progress: slices, their owners, pausing and beginning anew.
import { describe, expect, it } from '@jest/globals';
import { eventually } from '../eventually.ts';
import { noteList, type ProjectionStoreUnderTest } from './projection-fixture.ts';

const LONG_MS = 60_000;
const nothing = async (): Promise<void> => undefined;

export function describeSlices(ports: () => ProjectionStoreUnderTest): void {
  describe('slices', () => {
    describeLeases(ports);
    describeProgress(ports);
  });
}

function describeLeases(ports: () => ProjectionStoreUnderTest): void {
  it('gives each slice to one owner, at most as many as asked for', async () => {
    const { store } = ports();
    await store.register(noteList, 4);
    const first = await store.lease(noteList, 'worker-1', LONG_MS, 3);
    const second = await store.lease(noteList, 'worker-2', LONG_MS, 3);
    expect(first).toHaveLength(3);
    expect(second).toHaveLength(1);
    expect([...first, ...second].map(({ slice }) => slice).sort()).toEqual([0, 1, 2, 3]);
    expect(first[0]).toMatchObject({ projection: noteList.name, slices: 4, position: 0n });
  });

  it('gives no slice twice to owners that ask at the same time', async () => {
    const { store } = ports();
    await store.register(noteList, 8);
    const owners = ['worker-1', 'worker-2', 'worker-3', 'worker-4'];
    const held = await eventually(async () => {
      const leased = (await Promise.all(owners.map((owner) => store.lease(noteList, owner, LONG_MS, 4)))).flat();
      return leased.length >= 8 && leased;
    });
    expect(held.map(({ slice }) => slice).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('renews what an owner holds without a new epoch, at most as many as asked for', async () => {
    const { store } = ports();
    await store.register(noteList, 4);
    const before = await store.lease(noteList, 'worker-1', LONG_MS, 4);
    const after = await store.lease(noteList, 'worker-1', LONG_MS, 2);
    expect(after).toHaveLength(2);
    for (const slice of after) expect(before).toContainEqual(slice);
  });

  it('gives a slice to the next owner under a new epoch when the lease runs out', async () => {
    const { store } = ports();
    await store.register(noteList, 1);
    const [lost] = await store.lease(noteList, 'worker-1', 1, 1);
    const taken = await eventually(async () => (await store.lease(noteList, 'worker-2', LONG_MS, 1))[0]);
    expect(taken.epoch).toBeGreaterThan(lost!.epoch);
    await expect(store.advance(noteList, lost!, 5n, nothing)).rejects.toMatchObject({
      code: 'projection.checkpoint-moved',
    });
    expect((await store.advance(noteList, taken, 5n, nothing)).position).toBe(5n);
  });

  it('gives slices free at once when their owner leaves', async () => {
    const { store } = ports();
    await store.register(noteList, 3);
    await store.lease(noteList, 'worker-1', LONG_MS, 3);
    await store.releaseAll('worker-1');
    expect(await store.lease(noteList, 'worker-2', LONG_MS, 3)).toHaveLength(3);
  });
}

function describeProgress(ports: () => ProjectionStoreUnderTest): void {
  it('keeps what is there when a projection is registered again', async () => {
    const { store } = ports();
    await store.register(noteList, 2);
    const [slice] = await store.lease(noteList, 'worker-1', LONG_MS, 1);
    await store.advance(noteList, slice!, 7n, nothing);
    await store.register(noteList, 5);
    const [progress] = await store.progress(noteList.name);
    expect(progress).toMatchObject({ projection: noteList.name, schemaVersion: 1, state: 'running', parked: 0 });
    expect(progress!.slices.map(({ position }) => position).sort()).toEqual([0n, 7n]);
    expect(progress!.slices[slice!.slice]).toMatchObject({ slice: slice!.slice, owner: 'worker-1' });
  });

  it('shows all projections, and nothing of one that nobody registered', async () => {
    const { store } = ports();
    expect(await store.progress(noteList.name)).toEqual([]);
    await store.register(noteList, 1);
    expect((await store.progress()).map(({ projection }) => projection)).toContain(noteList.name);
  });

  it('leases nothing while a projection is paused', async () => {
    const { store } = ports();
    await store.register(noteList, 1);
    await store.setState(noteList.name, 'paused');
    expect(await store.lease(noteList, 'worker-1', LONG_MS, 1)).toEqual([]);
    expect((await store.progress(noteList.name))[0]!.state).toBe('paused');
    await store.setState(noteList.name, 'running');
    expect(await store.lease(noteList, 'worker-1', LONG_MS, 1)).toHaveLength(1);
  });

  it('leases nothing of a projection that is stored under another schema version', async () => {
    const { store } = ports();
    await store.register(noteList, 1);
    const next = { ...noteList, schemaVersion: 2 };
    await store.register(next, 1);
    expect((await store.progress(noteList.name))[0]!.schemaVersion).toBe(1);
    expect(await store.lease(next, 'worker-1', LONG_MS, 1)).toEqual([]);
  });
}
