// A projection whose rows are merged by the store follows the log like any other.
import { describe, expect, it } from '@jest/globals';
import { Unavailable, waitForPosition, type Projection, type ProjectionStore } from '@groundwork/application';
import type { TenantId } from '@groundwork/domain';
import fc from 'fast-check';
import { newEvent, newStream, newTenant } from '../new-event.ts';
import { noteCount, noteList, storeWith, type NoteData, type ProjectionStoreUnderTest } from './projection-fixture.ts';
import { newRunner, notesOf, write } from './runner-under-test.ts';

export function describeFollowingSetWise(ports: () => ProjectionStoreUnderTest): void {
  describe('following set-wise', () => {
    describeSameTable(ports);
    describeOnce(ports);
    describeSetPoison(ports);
  });
}

function describeSameTable(ports: () => ProjectionStoreUnderTest): void {
  const note = fc.record({ stream: fc.nat(3), text: fc.string(), isRemoved: fc.boolean() });
  const histories = fc.record({
    notes: fc.array(note, { minLength: 1, maxLength: 25 }),
    batchSizeMax: fc.integer({ min: 1, max: 8 }),
  });

  it('gives the same table as its events one by one, whatever the size of its batches', async () => {
    const streams = Array.from({ length: 4 }, () => newStream());
    await fc.assert(
      fc.asyncProperty(histories, async ({ notes, batchSizeMax }) => {
        const tenants = [newTenant(), newTenant()];
        const expected = new Map<string, { text: string; count: number; streamVersion: number } | undefined>();
        for (const [n, { stream: at, text, isRemoved }] of notes.entries()) {
          const tenant = tenants[n % 2]!;
          const { streamVersion } = await write(ports(), tenant, streams[at]!, { text, isRemoved });
          const count = (expected.get(`${tenant}/${at}`)?.count ?? 0) + 1;
          expected.set(`${tenant}/${at}`, isRemoved ? undefined : { text, count, streamVersion });
        }
        await newRunner(ports(), noteCount, { batchSizeMax }).runner.runOnce();
        for (const tenant of tenants) {
          const wanted = streams.map((_, at) => expected.get(`${tenant}/${at}`));
          expect(await notesOf(ports(), tenant, streams)).toEqual(wanted);
        }
      }),
      { numRuns: 8 },
    );
  });

  it('S1-16 a new projection catches up from the beginning while events arrive', async () => {
    const [tenant, streams, stop] = [newTenant(), Array.from({ length: 5 }, () => newStream()), new AbortController()];
    const writeRound = async (round: number): Promise<bigint> => {
      let last = 0n;
      for (const stream of streams) ({ position: last } = await write(ports(), tenant, stream, { text: `${round}` }));
      return last;
    };
    for (let round = 1; round <= 5; round++) await writeRound(round);
    const running = newRunner(ports(), noteCount, { batchSizeMax: 3 }).runner.run(stop.signal);
    let position = 0n;
    for (let round = 6; round <= 12; round++) position = await writeRound(round);
    const { store } = ports();
    await waitForPosition({ projection: noteCount.name, position, timeoutMs: 20_000 }, { projections: store });
    stop.abort();
    await running;
    const complete = { text: '12', count: 12, streamVersion: 12 };
    expect(await notesOf(ports(), tenant, streams)).toEqual(streams.map(() => complete));
  });
}

function describeOnce(ports: () => ProjectionStoreUnderTest): void {
  it('S1-19 receives the events of its types only, and each takes effect once', async () => {
    const [tenant, stream, received] = [newTenant(), newStream(), [] as string[]];
    const events = ['NoteFiled', 'NoteWritten', 'NoteFiled', 'NoteWritten', 'NoteWritten'].map((type, n) =>
      newEvent(type, { text: `${n}` }),
    );
    await ports().events.append({ tenant, stream, expected: 0, events });
    const listening: Projection = {
      ...noteCount,
      apply: (row, event) => (received.push(event.type), noteCount.apply(row, event)),
    };
    const { runner } = newRunner(ports(), listening, { batchSizeMax: 2 });
    await runner.runOnce();
    await runner.runOnce();
    expect(received).toEqual(['NoteWritten', 'NoteWritten', 'NoteWritten']);
    expect(await notesOf(ports(), tenant, [stream])).toEqual([{ text: '4', count: 3, streamVersion: 5 }]);
  });

  it('repeats nothing when the answer to a batch that took effect is lost', async () => {
    const [tenant, streams] = [newTenant(), Array.from({ length: 6 }, () => newStream())];
    for (const stream of streams) await write(ports(), tenant, stream, { text: 'a' }, { text: 'b' });
    const { runner } = newRunner({ ...ports(), store: forgetful(ports().store, 3) }, noteCount, {
      batchSizeMax: 2,
      retryDelayMs: 0,
    });
    await untilLevel(ports(), () => runner.runOnce());
    const once = { text: 'b', count: 2, streamVersion: 2 };
    expect(await notesOf(ports(), tenant, streams)).toEqual(streams.map(() => once));
  });
}

/** A store that does its work and whose first answers are lost on the way. */
const forgetful = (store: ProjectionStore, lostCount: number): ProjectionStore =>
  storeWith(store, {
    upsert: async (...asked) => {
      const moved = await store.upsert(...asked);
      if (lostCount-- > 0) throw new Unavailable('database.unavailable', 'The answer was lost.', 'Try again.');
      return moved;
    },
  });

function describeSetPoison(ports: () => ProjectionStoreUnderTest): void {
  it('parks the stream of an event whose handler fails, after as many attempts as any, and takes it up again', async () => {
    const [tenant, bad, good] = [newTenant(), newStream(), newStream()];
    await write(ports(), tenant, bad, { text: 'before' }, { text: 'poison' }, { text: 'behind' });
    await write(ports(), tenant, good, { text: 'one' });
    let failures = 0;
    const failing: Projection = {
      ...noteCount,
      apply: (row, event) => {
        if ((event.data as NoteData).text !== 'poison') return noteCount.apply(row, event);
        failures++;
        throw new TypeError('cannot read it');
      },
    };
    await newRunner(ports(), failing, { slices: 1 }).runner.runOnce();
    await write(ports(), tenant, good, { text: 'two' });
    await newRunner(ports(), failing).runner.runOnce();
    expect(failures).toBe(3);
    const parked = await onlyParkedOf(ports(), tenant);
    expect(parked).toMatchObject({ attempts: 3, stream: { id: bad.id } });
    const two = { text: 'two', count: 2, streamVersion: 2 };
    expect(await notesOf(ports(), tenant, [bad, good])).toEqual([{ text: 'before', count: 1, streamVersion: 1 }, two]);

    await ports().deadLetters.decide(tenant, parked.id, 'retry');
    await newRunner(ports(), noteCount).runner.runOnce();
    expect(await notesOf(ports(), tenant, [bad, good])).toEqual([{ text: 'behind', count: 3, streamVersion: 3 }, two]);
  });

  it('parks the stream whose row the store refuses, and stores the others', async () => {
    const [tenant, bad, good] = [newTenant(), newStream(), newStream()];
    await write(ports(), tenant, good, { text: 'one' });
    await write(ports(), tenant, bad, { text: 'large', size: 3_000_000_000 });
    await write(ports(), tenant, good, { text: 'two' });
    await newRunner(ports(), noteCount, { slices: 1 }).runner.runOnce();
    expect((await onlyParkedOf(ports(), tenant)).error.code).toBe('projection.row-refused');
    expect(await notesOf(ports(), tenant, [bad, good])).toEqual([
      undefined,
      { text: 'two', count: 2, streamVersion: 2 },
    ]);
  });
}

async function onlyParkedOf({ deadLetters }: ProjectionStoreUnderTest, tenant: TenantId) {
  const parked = await deadLetters.list(tenant, { limit: 10 });
  expect(parked).toHaveLength(1);
  return parked[0]!;
}

export async function untilLevel({ store, log }: ProjectionStoreUnderTest, run: () => Promise<unknown>): Promise<void> {
  const { position: head } = await log.head();
  for (;;) {
    await run();
    const [progress] = await store.progress(noteList.name);
    if (progress!.slices.every(({ position }) => position >= head)) return;
  }
}
