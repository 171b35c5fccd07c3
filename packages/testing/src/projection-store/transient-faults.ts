// What passes by itself is waited for: it parks nothing, loses nothing and does nothing twice.
import { describe, expect, it } from '@jest/globals';
import { Unavailable, waitForPosition, type ProjectionStore } from '@groundwork/application';
import { newStream, newTenant } from '../new-event.ts';
import { noteList, withAdvance, type ProjectionStoreUnderTest } from './projection-fixture.ts';
import { newRunner, notesOf, write } from './runner-under-test.ts';

type Moment = 'before' | 'within' | 'after';

/** The same store, whose transactions fail for a while: before they begin, within, or after they have taken effect. */
function failingStore(store: ProjectionStore, moments: Moment[]): ProjectionStore {
  const away = (): Unavailable => new Unavailable('database.unavailable', 'The database is away.', 'Wait.');
  return withAdvance(store, async (projection, slice, to, work) => {
    const moment = moments.shift();
    if (moment === 'before') throw away();
    const moved = await store.advance(projection, slice, to, async (tx) => {
      await work(tx);
      if (moment === 'within') throw away();
    });
    if (moment === 'after') throw away();
    return moved;
  });
}

export function describeTransientFaults(ports: () => ProjectionStoreUnderTest): void {
  describe('transient faults', () => {
    const cases: readonly { what: string; moments: Moment[] }[] = [
      { what: 'before a transaction', moments: Array.from({ length: 12 }, () => 'before') },
      { what: 'within a transaction', moments: Array.from({ length: 12 }, () => 'within') },
      { what: 'after a transaction, its answer lost', moments: Array.from({ length: 12 }, () => 'after') },
      {
        what: 'again and again',
        moments: ['after', 'within', 'before', 'after', 'before', 'within', 'after', 'after'],
      },
    ];
    it.each(cases)('neither park nor lose nor repeat anything: $what', async ({ moments }) => {
      const [tenant, streams, stop] = [
        newTenant(),
        Array.from({ length: 8 }, () => newStream()),
        new AbortController(),
      ];
      const faulty = { ...ports(), store: failingStore(ports().store, moments) };
      const { runner } = newRunner(faulty, noteList, { batchSizeMax: 3, retryDelayMaxMs: 5, pollIntervalMs: 5 });
      const running = runner.run(stop.signal);
      let position = 0n;
      for (let n = 1; n <= 3; n++) {
        for (const stream of streams) ({ position } = await write(ports(), tenant, stream, { text: `${n}` }));
      }
      const { store } = ports();
      await waitForPosition({ projection: noteList.name, position, timeoutMs: 20_000 }, { projections: store });
      stop.abort();
      await running;

      expect(await ports().deadLetters.list(tenant, { limit: 10 })).toEqual([]);
      for (const note of await notesOf(ports(), tenant, streams)) {
        expect(note).toEqual({ text: '3', count: 3, streamVersion: 3 });
      }
    });

    it('are over at the next look, however patient the runner is with what fails', async () => {
      const [tenant, stream, stop] = [newTenant(), newStream(), new AbortController()];
      let failures = 3;
      const { store } = ports();
      const away: ProjectionStore = {
        ...failingStore(store, []),
        lease: (...asked) => (failures-- > 0 ? Promise.reject(new Error('connection refused')) : store.lease(...asked)),
      };
      const patient = { retryDelayMs: 60_000, retryDelayMaxMs: 60_000 };
      const running = newRunner({ ...ports(), store: away }, noteList, patient).runner.run(stop.signal);
      const { position } = await write(ports(), tenant, stream, { text: 'x' });
      await waitForPosition({ projection: noteList.name, position, timeoutMs: 20_000 }, { projections: store });
      stop.abort();
      await running;
      expect(failures).toBeLessThan(0);
    });

    it('let a slice rest that cannot go on, and the others go on', async () => {
      const [tenant, streams] = [newTenant(), Array.from({ length: 20 }, () => newStream())];
      const { store } = ports();
      const halfAway = withAdvance(store, (projection, slice, to, work) =>
        slice.slice === 0 ? Promise.reject(new Error('no such column')) : store.advance(projection, slice, to, work),
      );
      for (const stream of streams) await write(ports(), tenant, stream, { text: 'x' });
      const { runner, metrics } = newRunner({ ...ports(), store: halfAway });
      await runner.runOnce();

      const [progress] = await store.progress(noteList.name);
      expect(progress!.slices.map(({ position }) => position)).toEqual([0n, 20n]);
      expect(progress!.parked).toBe(0);
      expect(metrics.value('groundwork_projection_lag_events', { projection: noteList.name })).toBe(20);
    });
  });
}
