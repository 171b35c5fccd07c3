// The part of the contract about rows that are merged by the store itself, together with the checkpoint.
import { describe, expect, it } from '@jest/globals';
import type { ProjectionProgress, Row, Slice, TenantRow } from '@groundwork/application';
import fc from 'fast-check';
import { newTenant } from '../new-event.ts';
import { parkedStream } from './advancing.ts';
import { noteCount, noteOf, SIZE_REFUSED, type ProjectionStoreUnderTest } from './projection-fixture.ts';

const LONG_MS = 60_000;

interface OneSlice {
  /** Where the slice stands now. */
  at: Slice;
  upsert(rows: readonly TenantRow[]): Promise<Slice | undefined>;
  rowOf(tenant: string, id?: string): Promise<Row | undefined>;
}

export function describeUpserting(ports: () => ProjectionStoreUnderTest): void {
  const oneSlice = async (): Promise<OneSlice> => {
    const { store } = ports();
    await store.register(noteCount, 1);
    const slice: OneSlice = {
      at: (await store.lease(noteCount, 'worker-1', LONG_MS, 1))[0]!,
      upsert: async (rows) => {
        const moved = await store.upsert(noteCount, slice.at, slice.at.position + 1n, rows);
        slice.at = moved ?? slice.at;
        return moved;
      },
      rowOf: async (tenant, id = 'a') => {
        let rows: ReadonlyMap<string, Row> = new Map();
        await store.advance(noteCount, slice.at, slice.at.position, async (tx) => {
          rows = await tx.load(tenant, [id]);
        });
        return rows.get(id);
      },
    };
    return slice;
  };

  describe('upserting', () => {
    describeMerging(oneSlice);
    describeRefusing(ports, oneSlice);
    describeValues(oneSlice);
  });
}

const rowOf = (text: unknown, streamVersion: number, form: Row = {}): Row => ({
  id: 'a',
  text,
  count: 1,
  size: 1,
  stream_version: streamVersion,
  ...form,
});

function describeMerging(oneSlice: () => Promise<OneSlice>): void {
  it('adds up, keeps the first or takes the latest value of a column, and moves the checkpoint', async () => {
    const [slice, tenant] = [await oneSlice(), newTenant()];
    await slice.upsert([{ tenant, row: rowOf('one', 1, { size: null }) }]);
    await slice.upsert([{ tenant, row: rowOf('two', 3, { count: 2, size: 20 }) }]);
    await slice.upsert([{ tenant, row: rowOf('three', 4, { count: null, size: 30 }) }]);
    const row = (await slice.rowOf(tenant))!;
    expect(noteOf(row)).toEqual({ text: 'three', count: 3, streamVersion: 4 });
    expect(row['size']).toBe(20);
    expect(slice.at.position).toBe(3n);
  });

  it('stores the rows of many tenants in one batch, each as its own', async () => {
    const [slice, tenants] = [await oneSlice(), Array.from({ length: 40 }, newTenant)];
    const rowsOf = (version: number): TenantRow[] =>
      tenants.map((tenant, n) => ({ tenant, row: rowOf(`${tenant} ${version}`, version, { count: n + 1 }) }));
    await slice.upsert(rowsOf(1));
    await slice.upsert(rowsOf(2).reverse());
    for (const [n, tenant] of tenants.entries()) {
      const note = { text: `${tenant} 2`, count: 2 * (n + 1), streamVersion: 2 };
      expect(noteOf(await slice.rowOf(tenant))).toEqual(note);
    }
  });

  it('S1-17 a row with a higher version is never overwritten, however deliveries are shuffled and repeated', async () => {
    const slice = await oneSlice();
    const deliveries = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(deliveries, async (versions) => {
        const tenant = newTenant();
        let highest = 0;
        for (const version of versions) {
          await slice.upsert([{ tenant, row: rowOf(`version ${version}`, version) }]);
          highest = Math.max(highest, version);
          expect(noteOf(await slice.rowOf(tenant))).toMatchObject({
            text: `version ${highest}`,
            streamVersion: highest,
          });
        }
        // Each version that was newer than all before it was counted, and none twice.
        const counted = versions.filter((version, at) => versions.slice(0, at).every((before) => before < version));
        expect(noteOf(await slice.rowOf(tenant))!.count).toBe(counted.length);
      }),
      { numRuns: 15 },
    );
  });
}

function describeRefusing(ports: () => ProjectionStoreUnderTest, oneSlice: () => Promise<OneSlice>): void {
  it('lets one of several batches from the same checkpoint win', async () => {
    const [slice, tenant] = [await oneSlice(), newTenant()];
    const { at } = slice;
    const attempts = await Promise.allSettled(
      [1, 2, 3].map((n) => ports().store.upsert(noteCount, at, 1n, [{ tenant, row: rowOf(`${n}`, n) }])),
    );
    const lost = attempts.filter((attempt) => attempt.status === 'rejected');
    expect(lost.map(({ reason }) => reason.code)).toEqual(Array(2).fill('projection.checkpoint-moved'));
    slice.at = { ...at, position: 1n };
    expect(noteOf(await slice.rowOf(tenant))!.count).toBe(1);
  });

  it('does nothing under the epoch of an owner that has lost the slice', async () => {
    const [slice, tenant] = [await oneSlice(), newTenant()];
    const late = ports().store.upsert(noteCount, { ...slice.at, epoch: slice.at.epoch - 1 }, 1n, [
      { tenant, row: rowOf('late', 1) },
    ]);
    await expect(late).rejects.toMatchObject({ code: 'projection.checkpoint-moved' });
    expect(await slice.rowOf(tenant)).toBeUndefined();
  });

  it('passes several slices at once, and leaves out those that another owner has put elsewhere', async () => {
    const { store } = ports();
    const projection = { ...noteCount, name: `passed.${newTenant()}` };
    await store.register(projection, 4);
    const [one, two, three, four] = await store.lease(projection, 'worker', 60_000, 4);
    await store.upsert(projection, two!, 1n, []);
    const late = { ...three!, epoch: three!.epoch - 1 };
    const passed = await store.pass(projection, [one!, two!, late, four!], 1n);
    expect(passed.map(({ slice, position }) => [slice, position])).toEqual([
      [0, 1n],
      [3, 1n],
    ]);
    const [{ slices }] = (await store.progress(projection.name)) as [ProjectionProgress];
    expect(slices.map(({ position }) => position)).toEqual([1n, 1n, 0n, 1n]);
  });

  it('leaves a slice with a parked stream to those who know which events to leave out', async () => {
    const [slice, tenant] = [await oneSlice(), newTenant()];
    slice.at = await ports().store.advance(noteCount, slice.at, 1n, (tx) => tx.park(parkedStream(slice.at, tenant)));
    expect(await slice.upsert([{ tenant, row: rowOf('one', 1) }])).toBeUndefined();
    expect(await slice.rowOf(tenant)).toBeUndefined();
  });

  it('changes nothing when one row of a batch cannot be held', async () => {
    const [slice, tenant] = [await oneSlice(), newTenant()];
    const rows = [rowOf('fine', 1), rowOf('too large', 1, { id: 'b', size: SIZE_REFUSED })];
    const refused = slice.upsert(rows.map((row) => ({ tenant, row })));
    await expect(refused).rejects.toMatchObject({ code: 'projection.row-refused' });
    expect(await slice.rowOf(tenant)).toBeUndefined();
  });

  it('S1-15 takes no column that the table of the projection does not declare, set-wise or row by row', async () => {
    const [slice, tenant] = [await oneSlice(), newTenant()];
    const row = rowOf('one', 1, { owner: 'somebody' });
    const refusal = { code: 'projection.row-refused', message: expect.stringContaining('owner') };
    await expect(slice.upsert([{ tenant, row }])).rejects.toMatchObject(refusal);
    const stored = ports().store.advance(noteCount, slice.at, 1n, (tx) => tx.store(tenant, [row], []));
    await expect(stored).rejects.toMatchObject(refusal);
    expect(await slice.rowOf(tenant)).toBeUndefined();
  });
}

function describeValues(oneSlice: () => Promise<OneSlice>): void {
  it('S1-18 stores texts and keys verbatim or refuses them with a code, whatever they look like', async () => {
    const slice = await oneSlice();
    const hostile = fc.constantFrom(`'; drop table contract.note; --`, `"`, '\\', '$1', '{"a":1}', 'null');
    const unstorable = fc.constantFrom('\u0000', '\ud800');
    const parts = fc.array(fc.oneof(hostile, fc.string({ unit: 'grapheme' })), { maxLength: 4 });
    const text = fc.oneof(
      { arbitrary: parts.map((each) => each.join('')), weight: 9 },
      { arbitrary: fc.tuple(parts, unstorable).map(([each, last]) => each.join('') + last), weight: 1 },
    );
    await fc.assert(
      fc.asyncProperty(text, text, async (id, value) => {
        const tenant = newTenant();
        const error = await slice.upsert([{ tenant, row: rowOf(value, 1, { id }) }]).then(
          () => undefined,
          (reason: { code?: string }) => reason,
        );
        if (error === undefined) expect((await slice.rowOf(tenant, id))!['text']).toBe(value);
        else {
          expect(error.code).toBe('projection.row-refused');
          expect([id, value].some((given) => given.includes('\u0000') || !given.isWellFormed())).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });
}
