// What a handler does that does not come to an end: it is ended, and in the end parks its own stream.
import { describe, expect, it } from '@jest/globals';
import type { Projection, RecordedEvent } from '@groundwork/application';
import { newStream, newTenant } from '../new-event.ts';
import { noteCount, noteList, type NoteData, type ProjectionStoreUnderTest } from './projection-fixture.ts';
import { newRunner, notesOf, OWNER, write } from './runner-under-test.ts';

const TIMEOUT_MS = 60;
const ATTEMPTS_MAX = 3;

type Handler = 'keyOf' | 'apply' | 'followUps';
type Hanging = Projection & { calls: number };

/** The projection with one handler that runs for ever at the text `endless`. */
function hangingIn(handler: Handler, projection: Projection): Hanging {
  const hanging: Hanging = { ...projection, calls: 0 };
  const mayHang = <T>(of: (event: RecordedEvent) => T, event: RecordedEvent): T => {
    if ((event.data as NoteData).text === 'endless') {
      hanging.calls++;
      for (;;);
    }
    return of(event);
  };
  return Object.assign(hanging, {
    ...(handler === 'keyOf' && { keyOf: (event) => mayHang(projection.keyOf, event) }),
    ...(handler === 'apply' && { apply: (row, event) => mayHang((of) => projection.apply(row, of), event) }),
    ...(handler === 'followUps' && { followUps: { permissions: [], of: (event) => mayHang(() => [], event) } }),
  } satisfies Partial<Projection>);
}

/** Holds the processor, as a computation does. */
function computeFor(ms: number): void {
  const endsAtMs = performance.now() + ms;
  while (performance.now() < endsAtMs);
}

export function describeHanging(ports: () => ProjectionStoreUnderTest): void {
  describe('a handler that hangs', () => {
    describeEnding(ports);
    describeJustice(ports);
  });
}

function describeEnding(ports: () => ProjectionStoreUnderTest): void {
  it.each<[string, Handler, Projection]>([
    ['apply', 'apply', noteList],
    ['apply of a projection that is stored set-wise', 'apply', noteCount],
    ['keyOf', 'keyOf', noteList],
    ['followUps', 'followUps', noteList],
  ])('in %s is ended in time and called n times, then parks its stream; all others go on', async (_, handler, of) => {
    const [tenant, bad, good] = [newTenant(), newStream(), newStream()];
    await write(ports(), tenant, good, { text: 'early' });
    await write(ports(), tenant, bad, { text: 'before' });
    const { position } = await write(ports(), tenant, bad, { text: 'endless' });
    await write(ports(), tenant, bad, { text: 'behind' });
    await write(ports(), tenant, good, { text: 'late' });
    const hanging = hangingIn(handler, of);
    const settings = { handlerTimeoutMs: TIMEOUT_MS, attemptsMax: ATTEMPTS_MAX };
    const { runner, logger } = newRunner(ports(), hanging, settings);
    await runner.runOnce();
    await runner.runOnce();

    expect(hanging.calls).toBe(ATTEMPTS_MAX);
    expect(await ports().deadLetters.list(tenant, { limit: 10 })).toMatchObject([
      { stream: bad, position, attempts: ATTEMPTS_MAX, error: { code: 'projection.handler-hung' } },
    ]);
    expect(await notesOf(ports(), tenant, [bad, good], of)).toEqual([
      { text: 'before', count: 1, streamVersion: 1 },
      { text: 'late', count: 2, streamVersion: 2 },
    ]);
    expect(logger.lines.filter(({ level }) => level === 'error')).toMatchObject([
      { fields: { projection: of.name, position: String(position), code: 'projection.handler-hung' } },
    ]);
  });

  it('parks its stream though it gives a promise, which no projection may wait for', async () => {
    const [tenant, bad, good] = [newTenant(), newStream(), newStream()];
    await write(ports(), tenant, bad, { text: 'promised' });
    await write(ports(), tenant, good, { text: 'given' });
    const promising: Projection = {
      ...noteList,
      apply: (row, event) =>
        (event.data as NoteData).text === 'promised'
          ? (new Promise(() => undefined) as never)
          : noteList.apply(row, event),
    };
    await newRunner(ports(), promising).runner.runOnce();
    expect(await ports().deadLetters.list(tenant, { limit: 10 })).toMatchObject([
      { stream: bad, attempts: 3, error: { code: 'projection.handler-async' } },
    ]);
    expect(await notesOf(ports(), tenant, [good])).toMatchObject([{ text: 'given' }]);
  });
}

function describeJustice(ports: () => ProjectionStoreUnderTest): void {
  it('is told from many that take their time together', async () => {
    const [tenant, streams] = [newTenant(), Array.from({ length: 12 }, () => newStream())];
    for (const stream of streams) await write(ports(), tenant, stream, { text: 'slow' });
    const slow: Projection = {
      ...noteList,
      apply: (row, event) => {
        computeFor(TIMEOUT_MS / 6);
        return noteList.apply(row, event);
      },
    };
    await newRunner(ports(), slow, { slices: 1, handlerTimeoutMs: TIMEOUT_MS }).runner.runOnce();
    expect(await ports().deadLetters.list(tenant, { limit: 10 })).toEqual([]);
    for (const note of await notesOf(ports(), tenant, streams)) expect(note).toMatchObject({ count: 1 });
  });

  it('does not cost its worker the slice, so that no other begins to count anew', async () => {
    const [tenant, stream, leaseMs] = [newTenant(), newStream(), 6 * TIMEOUT_MS];
    await write(ports(), tenant, stream, { text: 'endless' });
    await ports().store.register(noteList, 1);
    const [before] = await ports().store.lease(noteList, OWNER, leaseMs, 1);
    const settings = { leaseMs, handlerTimeoutMs: TIMEOUT_MS, attemptsMax: 9 };
    await newRunner(ports(), hangingIn('apply', noteList), settings).runner.runOnce();
    expect(await ports().deadLetters.list(tenant, { limit: 10 })).toMatchObject([{ attempts: 9 }]);
    expect(await ports().store.lease(noteList, OWNER, leaseMs, 1)).toMatchObject([{ epoch: before!.epoch }]);
  });
}
