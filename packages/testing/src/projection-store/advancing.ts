// The part of the contract about effect and checkpoint: both or neither, exactly once.
import { describe, expect, it } from '@jest/globals';
import type { Row, Slice } from '@groundwork/application';
import { newTenant } from '../new-event.ts';
import { noteList, noteOf, SIZE_REFUSED, type ProjectionStoreUnderTest } from './projection-fixture.ts';

const LONG_MS = 60_000;
const rowOf = (id: string, text: string, form: Row = {}): Row => ({
  id,
  text,
  count: 1,
  size: 1,
  stream_version: 1,
  ...form,
});

export function describeAdvancing(ports: () => ProjectionStoreUnderTest): void {
  const onlySlice = async (): Promise<Slice> => {
    await ports().store.register(noteList, 1);
    return (await ports().store.lease(noteList, 'worker-1', LONG_MS, 1))[0]!;
  };
  /** What is stored, seen by a transaction that changes nothing. */
  const storedRows = async (
    slice: Slice,
    tenant: string,
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, Row>> => {
    let rows: ReadonlyMap<string, Row> = new Map();
    await ports().store.advance(noteList, slice, slice.position, async (tx) => {
      rows = await tx.load(tenant, keys);
    });
    return rows;
  };

  describe('advancing', () => {
    describeEffects(ports, onlySlice, storedRows);
    describeRollback(ports, onlySlice, storedRows);
    describeRaces(ports, onlySlice, storedRows);
  });
}

type OnlySlice = () => Promise<Slice>;
type StoredRows = (slice: Slice, tenant: string, keys: readonly string[]) => Promise<ReadonlyMap<string, Row>>;

function describeEffects(ports: () => ProjectionStoreUnderTest, onlySlice: OnlySlice, storedRows: StoredRows): void {
  it('S1-17 inserts, changes and removes rows by tenant and key, and moves the checkpoint', async () => {
    const [slice, tenant] = [await onlySlice(), newTenant()];
    const first = await ports().store.advance(noteList, slice, 3n, (tx) =>
      tx.store(tenant, [rowOf('a', 'one'), rowOf('b', 'two'), rowOf('c', 'three')], []),
    );
    const second = await ports().store.advance(noteList, first, 5n, (tx) =>
      tx.store(tenant, [rowOf('b', 'changed', { count: 2, stream_version: 2 }), rowOf('d', 'four')], ['a']),
    );
    expect([first.position, second.position]).toEqual([3n, 5n]);
    const rows = await storedRows(second, tenant, ['a', 'b', 'c', 'd', 'e']);
    expect([...rows.keys()].sort()).toEqual(['b', 'c', 'd']);
    expect(noteOf(rows.get('b'))).toEqual({ text: 'changed', count: 2, streamVersion: 2 });
    expect((await ports().store.progress(noteList.name))[0]!.slices[0]!.position).toBe(5n);
  });

  it('keeps tenants apart: the same key in two tenants is two rows', async () => {
    const [slice, ours, theirs] = [await onlySlice(), newTenant(), newTenant()];
    const moved = await ports().store.advance(noteList, slice, 1n, async (tx) => {
      await tx.store(ours, [rowOf('a', 'ours')], []);
      await tx.store(theirs, [rowOf('a', 'theirs')], []);
      await tx.store(theirs, [], ['b']);
    });
    expect(noteOf((await storedRows(moved, ours, ['a'])).get('a'))!.text).toBe('ours');
    expect(noteOf((await storedRows(moved, theirs, ['a'])).get('a'))!.text).toBe('theirs');
  });

  it('shows a transaction its own changes', async () => {
    const [slice, tenant] = [await onlySlice(), newTenant()];
    await ports().store.advance(noteList, slice, 1n, async (tx) => {
      await tx.store(tenant, [rowOf('a', 'mine')], []);
      expect(noteOf((await tx.load(tenant, ['a'])).get('a'))!.text).toBe('mine');
    });
  });

  it('keeps null apart from a value, and texts exactly as they are', async () => {
    const [slice, tenant] = [await onlySlice(), newTenant()];
    const text = `'"\\ ünïcode 🌍 {}, NULL`;
    const moved = await ports().store.advance(noteList, slice, 1n, (tx) =>
      tx.store(tenant, [rowOf('a', text), { ...rowOf('b', ''), text: null }], []),
    );
    const rows = await storedRows(moved, tenant, ['a', 'b']);
    expect([rows.get('a')!['text'], rows.get('b')!['text']]).toEqual([text, null]);
  });
}

function describeRollback(ports: () => ProjectionStoreUnderTest, onlySlice: OnlySlice, storedRows: StoredRows): void {
  it('changes nothing when the work fails, and throws the very error', async () => {
    const [slice, tenant] = [await onlySlice(), newTenant()];
    const failure = new Error('in the middle');
    const failed = ports().store.advance(noteList, slice, 3n, async (tx) => {
      await tx.store(tenant, [rowOf('a', 'never')], []);
      await tx.park(parkedStream(slice, tenant));
      throw failure;
    });
    await expect(failed).rejects.toBe(failure);
    expect((await storedRows(slice, tenant, ['a'])).size).toBe(0);
    const [progress] = await ports().store.progress(noteList.name);
    expect(progress).toMatchObject({ parked: 0 });
    expect(progress!.slices[0]!.position).toBe(0n);
  });

  it('refuses a row that the table cannot hold with projection.row-refused, and changes nothing', async () => {
    const [slice, tenant] = [await onlySlice(), newTenant()];
    const refused = ports().store.advance(noteList, slice, 3n, (tx) =>
      tx.store(tenant, [rowOf('a', 'fine'), rowOf('b', 'too large', { size: SIZE_REFUSED })], []),
    );
    await expect(refused).rejects.toMatchObject({ code: 'projection.row-refused' });
    expect((await storedRows(slice, tenant, ['a', 'b'])).size).toBe(0);
  });
}

function describeRaces(ports: () => ProjectionStoreUnderTest, onlySlice: OnlySlice, storedRows: StoredRows): void {
  it('lets one of two advances from the same checkpoint win', async () => {
    const [slice, tenant] = [await onlySlice(), newTenant()];
    const attempts = await Promise.allSettled(
      ['one', 'two', 'three'].map((text) =>
        ports().store.advance(noteList, slice, 1n, (tx) => tx.store(tenant, [rowOf('a', text)], [])),
      ),
    );
    const [won] = attempts.filter((attempt) => attempt.status === 'fulfilled');
    const lost = attempts.filter((attempt) => attempt.status === 'rejected');
    expect(lost).toHaveLength(2);
    for (const { reason } of lost) expect(reason).toMatchObject({ code: 'projection.checkpoint-moved' });
    const winner = ['one', 'two', 'three'][attempts.indexOf(won!)];
    expect(noteOf((await storedRows(won!.value, tenant, ['a'])).get('a'))!.text).toBe(winner);
  });

  it('lets slices advance side by side', async () => {
    const { store } = ports();
    const tenant = newTenant();
    await store.register(noteList, 4);
    const slices = await store.lease(noteList, 'worker-1', LONG_MS, 4);
    await Promise.all(
      slices.map((slice) =>
        store.advance(noteList, slice, 1n, (tx) => tx.store(tenant, [rowOf(`row-${slice.slice}`, 'x')], [])),
      ),
    );
    const [progress] = await store.progress(noteList.name);
    expect(progress!.slices.map(({ position }) => position)).toEqual([1n, 1n, 1n, 1n]);
  });
}

/** A parked stream as a test needs one. */
export function parkedStream(slice: Slice, tenant: string, id = 'note-1') {
  return {
    projection: noteList.name,
    slice: slice.slice,
    stream: { tenant, type: 'note', id },
    position: 3n,
    eventId: '01980f3c-0000-7000-8000-000000000001',
    eventType: 'NoteWritten',
    attempts: 3,
    error: { code: 'note.broken', message: 'It broke.', next: 'Mend it.', details: { part: 1 } },
  };
}
