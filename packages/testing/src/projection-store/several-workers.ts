// Several workers on one projection: in order within a stream, side by side across streams.
import { describe, expect, it } from '@jest/globals';
import { waitForPosition, type LogSignal, type Projection } from '@groundwork/application';
import { newStream, newTenant } from '../new-event.ts';
import { eventually } from '../eventually.ts';
import { noteAfter, noteList, type NoteData, type ProjectionStoreUnderTest } from './projection-fixture.ts';
import { newRunner, notesOf, write } from './runner-under-test.ts';

/** Each row lists the texts of its events in the order in which they were applied. */
const trail = (onApply: () => void): Projection => ({
  ...noteList,
  apply: (row, event) => {
    onApply();
    const before = row === undefined ? '' : `${String(row['text'])} `;
    return { ...noteAfter(row, event)!, text: `${before}${(event.data as NoteData).text}` };
  },
});

export function describeSeveralWorkers(ports: () => ProjectionStoreUnderTest): void {
  describe('several workers', () => {
    it('S0-80 apply the events of a stream in order, and different streams side by side', async () => {
      const [tenant, streams, stop] = [
        newTenant(),
        Array.from({ length: 12 }, () => newStream()),
        new AbortController(),
      ];
      const applied = new Map<string, number>();
      const running = ['worker-1', 'worker-2'].map((owner) => {
        const counting = trail(() => applied.set(owner, (applied.get(owner) ?? 0) + 1));
        return newRunner(ports(), counting, { owner, slices: 4, sliceCountMax: 2, batchSizeMax: 4 }).runner.run(
          stop.signal,
        );
      });
      await eventually(async () => {
        const [progress] = await ports().store.progress(noteList.name);
        return progress !== undefined && new Set(progress.slices.map(({ owner }) => owner)).size === 2;
      });
      const positions = await Promise.all(
        streams.map(async (stream) => {
          let last = 0n;
          for (let n = 1; n <= 15; n++) ({ position: last } = await write(ports(), tenant, stream, { text: `${n}` }));
          return last;
        }),
      );
      const position = positions.reduce((most, one) => (one > most ? one : most));
      const { store } = ports();
      await waitForPosition({ projection: noteList.name, position, timeoutMs: 20_000 }, { projections: store });
      stop.abort();
      await Promise.all(running);

      const inOrder = Array.from({ length: 15 }, (_, index) => index + 1).join(' ');
      for (const note of await notesOf(ports(), tenant, streams)) {
        expect(note).toEqual({ text: inOrder, count: 15, streamVersion: 15 });
      }
      expect(applied.get('worker-1')).toBeGreaterThan(0);
      expect(applied.get('worker-2')).toBeGreaterThan(0);
    });

    it('come back in time to renew their leases, even when there is nothing to do for longer', async () => {
      const [stop, waits] = [new AbortController(), [] as number[]];
      const signal: LogSignal = {
        head: () => ports().signal.head(),
        oldestAfter: (position, types) => ports().signal.oldestAfter(position, types),
        backlogOf: (...asked) => ports().signal.backlogOf(...asked),
        waitForGrowth: async (timeoutMs) => void (waits.push(timeoutMs) === 2 && stop.abort()),
      };
      const { runner } = newRunner({ ...ports(), signal }, noteList, { leaseMs: 3_000, pollIntervalMs: 60_000 });
      await runner.run(stop.signal);
      expect(waits).toEqual([1_000, 1_000]);
    });

    it('take over from one that is gone, without losing or repeating anything', async () => {
      const [tenant, stream] = [newTenant(), newStream()];
      await write(ports(), tenant, stream, { text: 'one' });
      const gone = newRunner(ports(), noteList, { owner: 'worker-gone', leaseMs: 1 });
      await gone.runner.runOnce();
      await write(ports(), tenant, stream, { text: 'two' });
      const next = newRunner(ports());
      await eventually(async () => {
        await next.runner.runOnce();
        return (await notesOf(ports(), tenant, [stream]))[0]?.text === 'two';
      });
      expect(await notesOf(ports(), tenant, [stream])).toEqual([{ text: 'two', count: 2, streamVersion: 2 }]);
    });
  });
}
