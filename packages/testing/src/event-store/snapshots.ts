// The part of the contract about snapshots: kept with the append that wins, read with the events behind it.
import { describe, expect, it } from '@jest/globals';
import type { Append, SchemaVersions, Snapshot, StreamSnapshot } from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';
import { collected, newEvent, newStream, newTenant } from '../new-event.ts';
import type { StoreAccess } from './event-store-contract.ts';

const ANY: SchemaVersions = { from: 1, to: 100 };
const facts = (count: number) => Array.from({ length: count }, (_, n) => newEvent('FactKept', { n }));
const snapshotOf = (count: number, schemaVersion = 1): Snapshot => ({ schemaVersion, stateText: `{"count":${count}}` });

export function describeSnapshots(store: StoreAccess): void {
  describe('snapshots', () => {
    describeKeeping(store);
    describeLeavingAside(store);
  });
}

function describeKeeping(store: StoreAccess): void {
  it('S1-48 are kept with the append, and read with the events behind it', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    expect(await readBack(store, tenant, stream)).toEqual({ snapshot: undefined, later: [] });
    await append(store, { tenant, stream, expected: 'no-stream', events: facts(2) });
    expect(await readBack(store, tenant, stream)).toEqual({ snapshot: undefined, later: [1, 2] });
    const { position } = await append(store, {
      tenant,
      stream,
      expected: 2,
      events: facts(3),
      snapshot: snapshotOf(5),
    });
    const snapshot = { ...snapshotOf(5), streamVersion: 5, position };
    expect(await readBack(store, tenant, stream)).toEqual({ snapshot, later: [] });
    await append(store, { tenant, stream, expected: 5, events: facts(2) });
    expect(await readBack(store, tenant, stream)).toEqual({ snapshot, later: [6, 7] });
  });

  it('give way to the newest, and are not disturbed by a repetition', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    const first = { tenant, stream, expected: 0, events: facts(1), snapshot: snapshotOf(1) };
    await append(store, first);
    const { position } = await append(store, {
      tenant,
      stream,
      expected: 1,
      events: facts(1),
      snapshot: snapshotOf(2, 2),
    });
    expect(await append(store, first)).toMatchObject({ repeated: true, streamVersion: 1 });
    const snapshot = { ...snapshotOf(2, 2), streamVersion: 2, position };
    expect(await readBack(store, tenant, stream)).toEqual({ snapshot, later: [] });
  });

  it('S1-48 of 30 simultaneous appends are one: that of the events that won', async () => {
    const [tenant, stream, other] = [newTenant(), newStream(), newStream()];
    const results = await Promise.allSettled(
      Array.from({ length: 30 }, (_, n) => [
        append(store, { tenant, stream, expected: 0, events: facts(n + 1), snapshot: snapshotOf(n + 1) }),
        append(store, { tenant, stream: other, expected: 'any', events: facts(1) }),
      ]).flat(),
    );
    const won = results.filter((_, index) => index % 2 === 0).findIndex(({ status }) => status === 'fulfilled');
    const { snapshot, later } = await readBack(store, tenant, stream);
    expect(later).toEqual([]);
    expect(snapshot).toMatchObject({ ...snapshotOf(won + 1), streamVersion: won + 1 });
    expect(await collected(store().events.readStream(tenant, stream))).toHaveLength(won + 1);
    expect((await readBack(store, tenant, other)).later).toHaveLength(30);
  });

  it('of a long stream are followed by all the later events, page after page', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await append(store, { tenant, stream, expected: 0, events: facts(3), snapshot: snapshotOf(3) });
    await append(store, { tenant, stream, expected: 3, events: facts(2_500) });
    const { later } = await readBack(store, tenant, stream);
    expect(later).toEqual(Array.from({ length: 2_500 }, (_, n) => n + 4));
    expect((await readBack(store, tenant, stream, { from: 2, to: 2 })).later).toHaveLength(2_503);
  });
}

function describeLeavingAside(store: StoreAccess): void {
  it('belong to one tenant', async () => {
    const [mine, theirs, stream] = [newTenant(), newTenant(), newStream()];
    await append(store, { tenant: mine, stream, expected: 0, events: facts(1), snapshot: snapshotOf(1) });
    await append(store, { tenant: theirs, stream, expected: 0, events: facts(2) });
    expect(await readBack(store, theirs, stream)).toEqual({ snapshot: undefined, later: [1, 2] });
    expect((await readBack(store, mine, stream)).snapshot).toMatchObject(snapshotOf(1));
  });

  it('are given only in the schema versions that were asked for', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await append(store, { tenant, stream, expected: 0, events: facts(1), snapshot: snapshotOf(1, 3) });
    for (const [from, to, isGiven] of [
      [1, 2, false],
      [1, 3, true],
      [3, 3, true],
      [4, 9, false],
    ] as const) {
      const { snapshot, later } = await readBack(store, tenant, stream, { from, to });
      expect([snapshot?.schemaVersion, later]).toEqual(isGiven ? [3, []] : [undefined, [1]]);
    }
  });

  it('are not kept of an append that is refused', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await append(store, { tenant, stream, expected: 0, events: facts(1), snapshot: snapshotOf(1) });
    const before = await readBack(store, tenant, stream);
    const refused: readonly [Partial<Append>, string][] = [
      [{ expected: 0 }, 'event-store.version-conflict'],
      [{ expected: 'any' }, 'event-store.snapshot-without-version'],
      [{ expected: 'stream-exists' }, 'event-store.snapshot-without-version'],
      [{ expected: 1, events: [newEvent('NoteWritten', { text: 7 })] }, 'event-store.schema-violated'],
    ];
    for (const [form, code] of refused) {
      const late = append(store, { tenant, stream, expected: 0, events: facts(1), snapshot: snapshotOf(7), ...form });
      await expect(late).rejects.toMatchObject({ code });
    }
    expect(await readBack(store, tenant, stream)).toEqual(before);
  });
}

const append = (store: StoreAccess, form: Append) => store().events.append(form);

/** The snapshot, and the versions of the events behind it. */
async function readBack(
  store: StoreAccess,
  tenant: TenantId,
  stream: StreamId,
  schemaVersions = ANY,
): Promise<{ snapshot: StreamSnapshot | undefined; later: readonly number[] }> {
  const { snapshot, later } = await store().events.readFromSnapshot(tenant, stream, schemaVersions);
  return { snapshot, later: (await collected(later)).map(({ streamVersion }) => streamVersion) };
}
