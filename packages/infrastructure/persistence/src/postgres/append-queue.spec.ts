// Which appends are stored together, in which order, and what becomes of them: before a store that answers when told.
import { describe, expect, it } from '@jest/globals';
import { EventTypes, prepareEvents } from '@groundwork/application';
import { newEvent, newTenant } from '@groundwork/testing';
import { AppendQueue, type AppendVerdict, type PreparedAppend } from './append-queue.ts';

const types = new EventTypes([{ type: 'Counted', schemaVersion: 1 }]);
const tenant = newTenant();
const WAITING_MAX = 10_000;

const eventsOf = (count: number, data: unknown = {}): PreparedAppend['events'] =>
  prepareEvents(
    Array.from({ length: count }, () => newEvent('Counted', data)),
    types,
  );
const ONE = eventsOf(1);

const append = (id: string, events = ONE): PreparedAppend => ({
  append: { tenant, stream: { type: 'note', id }, expected: 'any', events: [] },
  streamKey: `${tenant}/note/${id}`,
  events,
});

class DataFault extends Error {}

interface Batch {
  readonly ids: readonly string[];
  readonly checkIds: boolean;
  store(isContended?: boolean): Promise<void>;
  refuse(error: Error): Promise<void>;
}

/** A queue before a store that keeps every batch until it is told what to do with it. */
function queueUnderTest(): { queue: AppendQueue; batches: Batch[]; ask(...ids: string[]): Promise<AppendVerdict>[] } {
  const batches: Batch[] = [];
  let stored = 0n;
  const queue = new AppendQueue(
    (batch, checkIds) =>
      new Promise((resolve, reject) =>
        batches.push({
          ids: batch.map(({ append: { stream } }) => stream.id),
          checkIds,
          store: (isContended = false) => {
            const verdicts = batch.map(() => ({ verdict: 0, streamVersion: 1, position: ++stored }));
            resolve({ verdicts, isContended });
            return nextTurns();
          },
          refuse: (error) => {
            reject(error);
            return nextTurns();
          },
        }),
      ),
    (error) => error instanceof DataFault,
  );
  return { queue, batches, ask: (...ids) => ids.map((id) => heard(queue.append(append(id)))) };
}

/** The test looks at the rejection later. */
function heard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** Until the queue has heard and has asked for what comes next. */
async function nextTurns(): Promise<void> {
  for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve));
}

const idsOf = (batches: readonly Batch[]): (readonly string[])[] => batches.map(({ ids }) => ids);

/** From the batch with this number on, those included that come meanwhile. */
async function storeAll(batches: readonly Batch[], from = 0): Promise<void> {
  for (let n = from; n < batches.length; n++) await batches[n]!.store();
}

describe('AppendQueue', () => {
  it('stores an append at once when nothing is under way, and together what waits: two batches at a time', async () => {
    const { batches, ask } = queueUnderTest();
    const appended = ask('a', 'b', 'c', 'd');
    expect(idsOf(batches)).toEqual([['a']]);
    await nextTurns();
    expect(idsOf(batches)).toEqual([['a'], ['b', 'c']]);
    await batches[0]!.store();
    expect(idsOf(batches)).toEqual([['a'], ['b', 'c'], ['d']]);
    await storeAll(batches, 1);
    expect((await Promise.all(appended)).map(({ position }) => position)).toEqual([1n, 2n, 3n, 4n]);
  });

  it('shares evenly between two batches what is under way', async () => {
    const { batches, ask } = queueUnderTest();
    const ids = Array.from({ length: 60 }, (_, n) => `${n}`);
    const appended = ask('first', ...ids);
    await nextTurns();
    expect(batches[1]!.ids).toEqual(ids.slice(0, 31));
    await batches[0]!.store();
    expect(batches[2]!.ids).toEqual(ids.slice(31));
    await storeAll(batches);
    await Promise.all(appended);
  });

  it('keeps one batch under way, as large as two, while another process writes, and two again afterwards', async () => {
    const { batches, ask } = queueUnderTest();
    const appended = ask('first', 'a', 'b', 'c', 'd');
    await nextTurns();
    await batches[0]!.store(true);
    await batches[1]!.store(true);
    appended.push(...ask('e', 'f', 'g'));
    await nextTurns();
    expect(idsOf(batches)).toEqual([['first'], ['a', 'b', 'c'], ['d']]);
    await batches[2]!.store(true);
    appended.push(...ask('h', 'i'));
    await nextTurns();
    expect(idsOf(batches.slice(3))).toEqual([['e', 'f', 'g']]);
    await batches[3]!.store();
    expect(idsOf(batches.slice(4))).toEqual([['h'], ['i']]);
    await storeAll(batches, 4);
    await Promise.all(appended);
  });

  it('has a stream in one batch at a time, in the order of the appends, and lets others pass', async () => {
    const { queue, batches } = queueUnderTest();
    const stored: number[] = [];
    const asked = ['a', 'a', 'b', 'c', 'd', 'a'].map((id) => append(id));
    const appended = asked.map((one, n) => queue.append(one).then(() => stored.push(n)));
    await nextTurns();
    expect(idsOf(batches)).toEqual([['a'], ['b', 'c', 'd']]);
    await batches[1]!.store();
    expect(batches).toHaveLength(2);
    await storeAll(batches, 0);
    await Promise.all(appended);
    expect(idsOf(batches.slice(2))).toEqual([['a'], ['a']]);
    expect(stored).toEqual([2, 3, 4, 0, 1, 5]);
  });

  it('ends a batch at a thousand events, and at eight million bytes', async () => {
    const { queue, batches, ask } = queueUnderTest();
    const [many, heavy] = [eventsOf(500), eventsOf(1, 'x'.repeat(5 * 1024 * 1024))];
    const appended = [
      ...ask('first'),
      ...['a', 'b', 'c', 'd', 'e', 'f'].map((id) => queue.append(append(id, many))),
      ...['g', 'h', 'i', 'j', 'k', 'l'].map((id) => queue.append(append(id, heavy))),
    ];
    await nextTurns();
    await storeAll(batches);
    expect(idsOf(batches.slice(1, 5))).toEqual([
      ['a', 'b'],
      ['c', 'd'],
      ['e', 'f'],
      ['g', 'h'],
    ]);
    await Promise.all(appended);
  });

  it('refuses what comes when ten thousand wait, stores nothing of it, and takes appends again later', async () => {
    const { batches, ask } = queueUnderTest();
    const appended = ask('first', ...Array.from({ length: WAITING_MAX }, (_, n) => `${n}`));
    await expect(ask('one-too-many')[0]).rejects.toMatchObject({ code: 'event-store.overloaded' });
    await storeAll(batches);
    await Promise.all(appended);
    const [again] = ask('again');
    await batches.at(-1)!.store();
    await again;
    const stored = batches.flatMap(({ ids }) => ids);
    expect(stored).toHaveLength(WAITING_MAX + 2);
    expect(stored).not.toContain('one-too-many');
  });

  it('tries each alone, its ids looked up, when the data of one was refused', async () => {
    const { batches, ask } = queueUnderTest();
    const [first, ...others] = ask('first', 'a', 'bad', 'b', 'c', 'd');
    await nextTurns();
    expect(batches[1]!.ids).toEqual(['a', 'bad', 'b']);
    await batches[1]!.refuse(new DataFault());
    // The streams of the refused batch stay its own: nothing of them gets in between.
    const behind = ask('b');
    await batches[2]!.store();
    await batches[3]!.refuse(new DataFault('bad'));
    await batches[4]!.store();
    expect(batches.slice(2, 5).map(({ ids, checkIds }) => [ids, checkIds])).toEqual([
      [['a'], true],
      [['bad'], true],
      [['b'], true],
    ]);
    await storeAll(batches);
    const endings = await Promise.allSettled([first, ...others, ...behind]);
    expect(endings.map(({ status }) => status === 'fulfilled')).toEqual([true, true, false, true, true, true, true]);
    expect(batches.filter(({ checkIds }) => checkIds)).toHaveLength(3);
  });

  it('rejects all of a batch whose outcome is unknown, tries none again, and goes on', async () => {
    const { batches, ask } = queueUnderTest();
    const [first, ...others] = ask('first', 'a', 'b');
    await nextTurns();
    await batches[1]!.refuse(new Error('away'));
    const next = ask('a');
    await storeAll(batches);
    await expect(Promise.all(next)).resolves.toHaveLength(1);
    expect((await Promise.allSettled([first, ...others])).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect(idsOf(batches)).toEqual([['first'], ['a', 'b'], ['a']]);
  });
});
