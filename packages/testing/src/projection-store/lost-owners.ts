// What a handler does that ends its process: in the end it parks its stream, and nothing else is lost or done twice.
import { describe, expect, it } from '@jest/globals';
import type { Projection, Slice } from '@groundwork/application';
import { eventually } from '../eventually.ts';
import { newStream, newTenant } from '../new-event.ts';
import {
  noteAfter,
  noteList,
  withAdvance,
  type NoteData,
  type ProjectionStoreUnderTest,
} from './projection-fixture.ts';
import { newRunner, notesOf, write } from './runner-under-test.ts';

const nothing = async (): Promise<void> => undefined;
const ATTEMPTS_MAX = 5;

export function describeLostOwners(ports: () => ProjectionStoreUnderTest): void {
  describe('lost owners', () => {
    describeCounting(ports);
    describeDeadlyEvents(ports);
  });
}

function describeCounting(ports: () => ProjectionStoreUnderTest): void {
  let owners = 0;
  /** The only slice, taken by a new owner for a moment: it is free again at once, and nobody gave it free. */
  const taken = (): Promise<Slice> =>
    eventually(async () => (await ports().store.lease(noteList, `worker-${++owners}`, 1, 1))[0]);

  it('are counted as long as the slice stands where it stood, and forgotten when it moves', async () => {
    const { store } = ports();
    await store.register(noteList, 1);
    const first = await taken();
    const [second, third] = [await taken(), await taken()];
    expect([first, second, third].map(({ ownersLost }) => ownersLost)).toEqual([0, 1, 2]);
    await store.advance(noteList, third, 5n, nothing);
    expect(await taken()).toMatchObject({ position: 5n, ownersLost: 1 });
  });

  it('are no more when each gives its slice free', async () => {
    const { store } = ports();
    await store.register(noteList, 1);
    for (let n = 0; n < 3; n++) {
      expect(await taken()).toMatchObject({ ownersLost: 0 });
      await store.releaseAll(`worker-${owners}`);
    }
  });

  it('count against the event that each of them tried alone, and against none when they tried nothing', async () => {
    const { store } = ports();
    await store.register(noteList, 1);
    await store.suspect(await taken(), 3n, 2);
    expect(await taken()).toMatchObject({ ownersLost: 3, suspect: 3n });
    const idle = await taken();
    expect(idle).toMatchObject({ ownersLost: 3, suspect: 3n });
    const tried = await store.suspect(idle, 3n, 3);
    expect(await store.advance(noteList, tried, 3n, nothing)).toMatchObject({ position: 3n });
    expect(await taken()).toMatchObject({ ownersLost: 1, suspect: undefined });
  });

  it('have nothing more to say about a slice that they have lost', async () => {
    const { store } = ports();
    await store.register(noteList, 1);
    const lost = await taken();
    await taken();
    await expect(store.suspect(lost, 3n, 2)).rejects.toMatchObject({ code: 'projection.checkpoint-moved' });
  });
}

function describeDeadlyEvents(ports: () => ProjectionStoreUnderTest): void {
  it('lead to the one event that ends them: tried n times, it parks its stream, and everything else goes on', async () => {
    const [tenant, bad, others] = [newTenant(), newStream(), Array.from({ length: 8 }, () => newStream())];
    await write(ports(), tenant, bad, { text: 'before' });
    for (const stream of others) await write(ports(), tenant, stream, { text: 'early' });
    const { position } = await write(ports(), tenant, bad, { text: 'deadly' }, { text: 'behind' });
    for (const stream of others) await write(ports(), tenant, stream, { text: 'late' });
    let deaths = 0;
    const deadly: Projection = {
      ...noteList,
      apply: (row, event) => {
        if ((event.data as NoteData).text === 'deadly') throw new Error(`end ${++deaths}`);
        return noteAfter(row, event);
      },
    };
    // A process that ends in a handler: its transaction is rolled back, and this runner is never used again.
    const mortal = withAdvance(ports().store, async (projection, slice, to, work) => {
      const before = deaths;
      return ports()
        .store.advance(projection, slice, to, work)
        .catch((error: unknown) => {
          throw deaths === before ? error : new Error('The process has ended.');
        });
    });
    const [parked] = await eventually(async () => {
      const settings = { owner: `worker-${deaths}`, slices: 1, leaseMs: 1, ownersLostMax: ATTEMPTS_MAX };
      await newRunner({ ...ports(), store: mortal }, deadly, settings).runner.runOnce();
      const found = await ports().deadLetters.list(tenant, { limit: 10 });
      return found.length > 0 && found;
    });

    expect(deaths).toBe(ATTEMPTS_MAX);
    expect(parked).toMatchObject({
      stream: bad,
      position: position - 1n,
      attempts: ATTEMPTS_MAX,
      error: { code: 'projection.handler-ended-process' },
    });
    await eventually(async () => {
      await newRunner(ports(), deadly, { leaseMs: 1 }).runner.runOnce();
      const notes = await notesOf(ports(), tenant, [bad, ...others]);
      return notes.at(-1)?.text === 'late';
    });
    expect(await notesOf(ports(), tenant, [bad, ...others])).toEqual([
      { text: 'before', count: 1, streamVersion: 1 },
      ...others.map(() => ({ text: 'late', count: 2, streamVersion: 2 })),
    ]);
    expect(deaths).toBe(ATTEMPTS_MAX);
  });
}
