// What a poison event does: it parks its own stream in its own projection, and everything else goes on.
import { describe, expect, it } from '@jest/globals';
import { EventTypes, type ParkedStream, type Projection, type RecordedEvent } from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';
import { newStream, newTenant } from '../new-event.ts';
import {
  noteAfter,
  noteList,
  SIZE_REFUSED,
  type NoteData,
  withAdvance,
  type ProjectionStoreUnderTest,
} from './projection-fixture.ts';
import { newRunner, notesOf, write } from './runner-under-test.ts';

const LABELS = { projection: noteList.name };
const textOf = (event: RecordedEvent): string => (event.data as NoteData).text;

/** A projection whose handler throws for the text `poison`, `failuresMax` times. */
function failingOn(poison: string, failuresMax = Infinity): Projection & { failures: number } {
  const failing = {
    ...noteList,
    failures: 0,
    apply: (row: Parameters<typeof noteAfter>[0], event: RecordedEvent) => {
      if (textOf(event) === poison && failing.failures < failuresMax) {
        failing.failures++;
        throw new TypeError('cannot read it');
      }
      return noteAfter(row, event);
    },
  };
  return failing;
}

/** Each row lists the texts of its events in the order in which they were applied. */
const trail: Projection = {
  ...noteList,
  apply: (row, event) => {
    const after = noteAfter(row, event)!;
    return { ...after, text: `${row === undefined ? '' : `${String(row['text'])}, `}${textOf(event)}` };
  },
};

type OnlyParked = (tenant: TenantId) => Promise<ParkedStream>;

export function describeParking(ports: () => ProjectionStoreUnderTest): void {
  const onlyParked: OnlyParked = async (tenant) => {
    const parked = await ports().deadLetters.list(tenant, { limit: 10 });
    expect(parked).toHaveLength(1);
    return parked[0]!;
  };
  describe('parking', () => {
    describeHandlers(ports, onlyParked);
    describeSharedRows(ports, onlyParked);
    describeRefusedRows(ports, onlyParked);
    describeDecisions(ports, onlyParked);
    describeLongStreams(ports, onlyParked);
  });
}

function describeHandlers(ports: () => ProjectionStoreUnderTest, onlyParked: OnlyParked): void {
  it('parks the stream of an event whose handler keeps failing, and goes on with the others', async () => {
    const [tenant, bad, good] = [newTenant(), newStream(), newStream()];
    await write(ports(), tenant, bad, { text: 'before' });
    const { position } = await write(ports(), tenant, bad, { text: 'poison' });
    await write(ports(), tenant, good, { text: 'one' });
    const failing = failingOn('poison');
    const { runner, metrics, logger } = newRunner(ports(), failing);
    await runner.runOnce();
    await write(ports(), tenant, bad, { text: 'behind' });
    await write(ports(), tenant, good, { text: 'two' });
    await runner.runOnce();

    expect(failing.failures).toBe(3);
    expect(await notesOf(ports(), tenant, [bad, good])).toEqual([
      { text: 'before', count: 1, streamVersion: 1 },
      { text: 'two', count: 2, streamVersion: 2 },
    ]);
    expect(await onlyParked(tenant)).toMatchObject({
      projection: noteList.name,
      stream: { tenant, ...bad },
      position,
      eventType: 'NoteWritten',
      attempts: 3,
      // Words that nobody foresaw may quote the payload: they are for the log.
      error: { code: 'projection.event-failed', message: 'TypeError' },
    });
    expect(metrics.value('groundwork_dead_letters', LABELS)).toBe(1);
    expect(metrics.value('groundwork_projection_retries_total', LABELS)).toBe(3);
    expect(metrics.value('groundwork_projection_lag_events', LABELS)).toBe(0);
    expect(logger.lines.filter(({ level }) => level === 'error')).toMatchObject([
      { fields: { code: 'projection.event-failed', error: new TypeError('cannot read it') } },
    ]);
  });

  it('parks nothing when a handler fails for a while only', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'poison' }, { text: 'behind' });
    await newRunner(ports(), failingOn('poison', 2)).runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream])).toEqual([{ text: 'behind', count: 2, streamVersion: 2 }]);
    expect(await ports().deadLetters.list(tenant, { limit: 10 })).toEqual([]);
  });

  it('parks the stream of an event whose row cannot be told', async () => {
    const [tenant, bad, good] = [newTenant(), newStream(), newStream()];
    await write(ports(), tenant, bad, { text: 'before' }, { text: 'poison' }, { text: 'behind' });
    await write(ports(), tenant, good, { text: 'one' });
    const keyOf = (event: RecordedEvent): string => {
      if (textOf(event) === 'poison') throw new Error('no key');
      return event.stream.id;
    };
    await newRunner(ports(), { ...noteList, keyOf }).runner.runOnce();
    expect(await notesOf(ports(), tenant, [bad, good])).toEqual([
      { text: 'before', count: 1, streamVersion: 1 },
      { text: 'one', count: 1, streamVersion: 1 },
    ]);
    await onlyParked(tenant);
  });

  it('parks each of many streams at its own event', async () => {
    const [tenant, streams] = [newTenant(), Array.from({ length: 12 }, () => newStream())];
    for (const stream of streams) await write(ports(), tenant, stream, { text: 'fine' }, { text: 'poison' });
    await newRunner(ports(), failingOn('poison')).runner.runOnce();
    const parked = await ports().deadLetters.list(tenant, { limit: 100 });
    expect(parked.map(({ stream }) => stream.id).sort()).toEqual(streams.map(({ id }) => id).sort());
    for (const note of await notesOf(ports(), tenant, streams)) expect(note).toMatchObject({ text: 'fine', count: 1 });
  });
}

function describeSharedRows(ports: () => ProjectionStoreUnderTest, onlyParked: OnlyParked): void {
  it('parks the second of two streams that change one row', async () => {
    const [tenant, first, second] = [newTenant(), newStream(), newStream()];
    await write(ports(), tenant, first, { text: 'one' });
    await write(ports(), tenant, second, { text: 'two' });
    await write(ports(), newTenant(), newStream(), { text: 'of another tenant' });
    await write(ports(), tenant, first, { text: 'three' });
    const shared: Projection = {
      ...noteList,
      keyOf: () => 'shared',
      apply: (row, event) => ({ ...noteAfter(row, event)!, id: 'shared' }),
    };
    await newRunner(ports(), shared, { slices: 1 }).runner.runOnce();
    expect(await onlyParked(tenant)).toMatchObject({
      stream: second,
      error: { code: 'projection.row-of-another-stream' },
    });
    const row = { type: 'note', id: 'shared' } as StreamId;
    expect(await notesOf(ports(), tenant, [row])).toEqual([{ text: 'three', count: 2, streamVersion: 2 }]);
  });
}

function describeRefusedRows(ports: () => ProjectionStoreUnderTest, onlyParked: OnlyParked): void {
  it('parks the stream whose row the database refuses, at the event that made it so, and stores the others', async () => {
    const [tenant, bad, others] = [newTenant(), newStream(), Array.from({ length: 9 }, () => newStream())];
    await write(ports(), tenant, bad, { text: 'before' });
    for (const stream of others.slice(0, 4)) await write(ports(), tenant, stream, { text: 'early' });
    const { position } = await write(ports(), tenant, bad, { text: 'too large', size: SIZE_REFUSED });
    await write(ports(), tenant, bad, { text: 'behind', size: SIZE_REFUSED });
    for (const stream of others) await write(ports(), tenant, stream, { text: 'late' });
    await newRunner(ports(), noteList, { slices: 1 }).runner.runOnce();

    expect(await onlyParked(tenant)).toMatchObject({
      stream: bad,
      position,
      error: { code: 'projection.row-refused' },
    });
    expect(await notesOf(ports(), tenant, [bad])).toEqual([{ text: 'before', count: 1, streamVersion: 1 }]);
    for (const note of await notesOf(ports(), tenant, others)) expect(note).toMatchObject({ text: 'late' });
  });
}

function describeLongStreams(ports: () => ProjectionStoreUnderTest, onlyParked: OnlyParked): void {
  const EVENTS = 23;
  /** A stream of many events that is parked at its second one; an operator has decided to retry. */
  const longStream = async (tenant: TenantId) => {
    const stream = newStream();
    await write(ports(), tenant, stream, { text: '1' }, { text: 'poison' });
    for (let n = 3; n <= EVENTS; n++) await write(ports(), tenant, stream, { text: `${n}` });
    await newRunner(ports(), failingOn('poison')).runner.runOnce();
    await ports().deadLetters.decide(tenant, (await onlyParked(tenant)).id, 'retry');
    return stream;
  };

  it('takes a long stream up again in batches, in order', async () => {
    const tenant = newTenant();
    const stream = await longStream(tenant);
    const { store } = ports();
    let applied: number[] = [];
    const counting: Projection = {
      ...trail,
      apply: (row, event) => {
        applied.push(event.streamVersion);
        return trail.apply(row, event);
      },
    };
    const batches: number[] = [];
    const counted = withAdvance(store, async (...parts) => {
      applied = [];
      const moved = await store.advance(...parts);
      if (applied.length > 0) batches.push(applied.length);
      return moved;
    });
    await newRunner({ ...ports(), store: counted }, counting, { batchSizeMax: 5 }).runner.runOnce();
    const text = Array.from({ length: EVENTS }, (_, index) => (index === 1 ? 'poison' : `${index + 1}`)).join(', ');
    expect(await notesOf(ports(), tenant, [stream])).toEqual([{ text, count: EVENTS, streamVersion: EVENTS }]);
    expect(await ports().deadLetters.list(tenant, { limit: 10 })).toEqual([]);
    expect(batches).toEqual([5, 5, 5, 5, 2]);
  });

  it('stands parked where it was when it is interrupted between batches, and goes on from there', async () => {
    const tenant = newTenant();
    const stream = await longStream(tenant);
    const { store } = ports();
    let advances = 0;
    // Two slices are looked through, the decision is used up, one batch takes effect, and the database is away.
    const cutShort = withAdvance(store, (...parts) =>
      advances++ < 4 ? store.advance(...parts) : Promise.reject(new Error('away')),
    );
    await newRunner({ ...ports(), store: cutShort }, noteList, { slices: 1, batchSizeMax: 5 }).runner.runOnce();
    const parked = await onlyParked(tenant);
    const events = await ports().log.readStreamRange(parked.stream, 0n, parked.position, 100);
    const applied = events.length - 1;
    expect(applied).toBeGreaterThan(1);
    expect(parked).toMatchObject({
      error: { code: 'projection.resume-interrupted' },
      attempts: 3,
      decision: undefined,
    });
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ count: applied, streamVersion: applied }]);

    await ports().deadLetters.decide(tenant, parked.id, 'retry');
    await newRunner(ports(), noteList, { batchSizeMax: 5 }).runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ count: EVENTS, streamVersion: EVENTS }]);
    expect(await ports().deadLetters.list(tenant, { limit: 10 })).toEqual([]);
  });
}

function describeDecisions(ports: () => ProjectionStoreUnderTest, onlyParked: OnlyParked): void {
  /** A stream of five events, parked at the second; the rest of the log has gone on. */
  const parkedStream = async (tenant: TenantId, projection: Projection) => {
    const stream = newStream();
    await write(ports(), tenant, stream, { text: 'one' }, { text: 'poison' }, { text: 'three' });
    await newRunner(ports(), projection).runner.runOnce();
    await write(ports(), tenant, stream, { text: 'four' }, { text: 'five' });
    await newRunner(ports(), projection).runner.runOnce();
    return { stream, parked: await onlyParked(tenant) };
  };

  it('takes a stream up again after the fix and catches up in order', async () => {
    const tenant = newTenant();
    const { stream, parked } = await parkedStream(tenant, failingOn('poison'));
    await ports().deadLetters.decide(tenant, parked.id, 'retry');
    await newRunner(ports(), trail).runner.runOnce();
    await write(ports(), tenant, stream, { text: 'six' });
    await newRunner(ports(), trail).runner.runOnce();

    const inOrder = 'one, poison, three, four, five, six';
    expect(await notesOf(ports(), tenant, [stream])).toEqual([{ text: inOrder, count: 6, streamVersion: 6 }]);
    expect(await ports().deadLetters.list(tenant, { limit: 10 })).toEqual([]);
  });

  it('reads the events that waited through the upcasters of today, in order', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'one' }, { text: 'poison' }, { text: 'three' });
    const underUpcaster = (upcast: (note: NoteData) => NoteData): ProjectionStoreUnderTest => {
      const upcasters = { 1: (data: unknown) => upcast(data as NoteData) };
      return { ...ports(), ...ports().open(new EventTypes([{ type: 'NoteWritten', schemaVersion: 2, upcasters }])) };
    };
    const broken = underUpcaster((note) => {
      if (note.text === 'poison') throw new TypeError('cannot read it');
      return note;
    });
    await newRunner(broken, trail).runner.runOnce();
    const parked = await onlyParked(tenant);
    expect(parked).toMatchObject({ attempts: 3 });
    await ports().deadLetters.decide(tenant, parked.id, 'retry');
    const mended = underUpcaster((note) => ({ ...note, text: note.text.toUpperCase() }));
    await newRunner(mended, trail).runner.runOnce();
    const text = 'one, POISON, THREE';
    expect(await notesOf(ports(), tenant, [stream])).toEqual([{ text, count: 3, streamVersion: 3 }]);
  });

  it('leaves a discarded event out, and only that', async () => {
    const tenant = newTenant();
    const { stream, parked } = await parkedStream(tenant, failingOn('poison'));
    await ports().deadLetters.decide(tenant, parked.id, 'discard');
    await newRunner(ports(), trail).runner.runOnce();
    const text = 'one, three, four, five';
    expect(await notesOf(ports(), tenant, [stream])).toEqual([{ text, count: 4, streamVersion: 5 }]);
    expect(await ports().deadLetters.list(tenant, { limit: 10 })).toEqual([]);
  });

  it('keeps a stream parked that still fails: attempts grow and the decision is used up', async () => {
    const tenant = newTenant();
    const { stream, parked } = await parkedStream(tenant, failingOn('poison'));
    await ports().deadLetters.decide(tenant, parked.id, 'retry');
    const failing = failingOn('poison');
    await newRunner(ports(), failing).runner.runOnce();
    await newRunner(ports(), failing).runner.runOnce();
    expect(await onlyParked(tenant)).toMatchObject({ id: parked.id, attempts: 6, decision: undefined });
    expect(failing.failures).toBe(3);
    expect(await notesOf(ports(), tenant, [stream])).toEqual([{ text: 'one', count: 1, streamVersion: 1 }]);
  });

  it('parks a stream at the next event that fails behind the one that was mended', async () => {
    const tenant = newTenant();
    const { stream, parked } = await parkedStream(tenant, failingOn('poison'));
    await ports().deadLetters.decide(tenant, parked.id, 'retry');
    await newRunner(ports(), failingOn('four')).runner.runOnce();
    const again = await onlyParked(tenant);
    expect(again.position).toBeGreaterThan(parked.position);
    expect(await notesOf(ports(), tenant, [stream])).toEqual([{ text: 'three', count: 3, streamVersion: 3 }]);
  });
}
