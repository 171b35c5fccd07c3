// Events that the program of today reads as several take effect whole: each part once, in order, or none of them.
import { describe, expect, it } from '@jest/globals';
import { EventTypes, rebuildStream, rowLineage, type Projection, type RecordedEvent } from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';
import fc from 'fast-check';
import { newEvent, newStream, newTenant } from '../new-event.ts';
import { VmTimeLimit } from '../vm-time-limit.ts';
import { noteCount, noteList, type NoteData, type ProjectionStoreUnderTest } from './projection-fixture.ts';
import { rebuilt } from './rebuilding.ts';
import { newRunner, notesOf, write } from './runner-under-test.ts';

type Ports = () => ProjectionStoreUnderTest;

/** A note of the first schema held several texts; today each is a note of its own, and filing them is told apart. */
const typesOfToday = new EventTypes([
  {
    type: 'NoteWritten',
    schemaVersion: 2,
    upcasters: {
      1: {
        into: { NoteWritten: 2, NoteFiled: 1 },
        split(data) {
          const texts = (data as NoteData).text.split('; ').filter((text) => text !== '');
          return texts.map((text) => ({ type: text === 'filed' ? 'NoteFiled' : 'NoteWritten', data: { text } }));
        },
      },
    },
  },
  { type: 'NoteFiled', schemaVersion: 1 },
]);

/** The ports of the program of today over the log that an older one has written. */
const today = (ports: ProjectionStoreUnderTest): ProjectionStoreUnderTest => ({
  ...ports,
  ...ports.open(typesOfToday),
});

const textOf = ({ data }: RecordedEvent): string => (data as NoteData).text;

/** Each row lists the texts of its parts in the order in which they were applied. */
const trail: Projection = {
  ...noteList,
  eventTypes: ['NoteWritten', 'NoteFiled'],
  apply: (row, event) => ({
    ...noteList.apply(row, event)!,
    text: [...(row === undefined ? [] : [row['text']]), textOf(event)].join(', '),
  }),
};

export function describeSplittingProjections(ports: Ports): void {
  describe('events that are read as several', () => {
    describeEffect(ports);
    describePoison(ports);
    describeExplanation(ports);
  });
}

function describeEffect(ports: Ports): void {
  const history = fc.array(fc.array(fc.constantFrom('a', 'b', 'filed'), { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 8,
  });

  it.each([
    ['row by row', noteList],
    ['set-wise', noteCount],
  ])('S2-28 take effect %s: every part once and in order, whatever the size of the batches', async (_, projection) => {
    await fc.assert(
      fc.asyncProperty(history, fc.integer({ min: 1, max: 4 }), async (events, batchSizeMax) => {
        const [tenant, stream] = [newTenant(), newStream()];
        for (const texts of events) await write(ports(), tenant, stream, { text: texts.join('; ') });
        const runner = newRunner(today(ports()), projection, { batchSizeMax }).runner;
        await runner.runOnce();
        await runner.runOnce();
        const texts = events.flat().filter((text) => text !== 'filed');
        const streamVersion = events.findLastIndex((of) => of.some((text) => text !== 'filed')) + 1;
        const expected = texts.length === 0 ? undefined : { text: texts.at(-1), count: texts.length, streamVersion };
        expect(await notesOf(ports(), tenant, [stream], projection)).toEqual([expected]);
      }),
      { numRuns: 8 },
    );
  });

  it('S2-28 move the checkpoint by what was recorded, and are found by every type that they are read as', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a; filed; b' });
    const { position } = await write(ports(), tenant, stream, { text: 'filed; c' });
    const filed: Projection = { ...trail, eventTypes: ['NoteFiled'] };
    await newRunner(today(ports()), filed, { slices: 1, batchSizeMax: 1 }).runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream], filed)).toEqual([
      { text: 'filed, filed', count: 2, streamVersion: 2 },
    ]);
    const [progress] = await ports().store.progress(filed.name);
    expect(progress!.slices.map((slice) => slice.position)).toEqual([position]);
  });

  it('S2-28 give the same rows when the read model, or those of their stream, are made again', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a; b' }, { text: 'filed; c' });
    await newRunner(today(ports()), trail).runner.runOnce();
    const live = await notesOf(ports(), tenant, [stream]);
    expect(live).toEqual([{ text: 'a, b, filed, c', count: 4, streamVersion: 2 }]);
    const told: Projection = { ...trail, streamOf: (id) => ({ type: stream.type, id }) };
    await rebuildStream(told, { tenant, ...stream }, { ...today(ports()), timeLimit: new VmTimeLimit() });
    expect(await notesOf(ports(), tenant, [stream])).toEqual(live);
    const { comparison } = await rebuilt(today(ports()), trail);
    expect(comparison).toMatchObject({ added: 0, removed: 0, changed: 0 });
    expect(await notesOf(ports(), tenant, [stream])).toEqual(live);
  });

  it('store the commands that follow from each part, each once', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a; b' });
    const of = (event: RecordedEvent) => [{ type: 'notes.announce', payload: { text: textOf(event) } }];
    const following: Projection = { ...noteList, followUps: { permissions: [], of } };
    await newRunner(today(ports()), following).runner.runOnce();
    await rebuilt(today(ports()), following);
    const commands = await ports().commands.list(tenant, { limit: 10 });
    expect(commands.map(({ payload }) => payload.text).toSorted()).toEqual(['{"text":"a"}', '{"text":"b"}']);
  });
}

function describePoison(ports: Ports): void {
  it.each([
    ['row by row', noteList],
    ['set-wise', noteCount],
  ])('S2-28 are parked whole when a part cannot be applied %s, and taken up whole', async (_, projection) => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'before' });
    const { position } = await write(ports(), tenant, stream, { text: 'a; poison; b' });
    await write(ports(), tenant, stream, { text: 'behind' });
    const failing: Projection = {
      ...projection,
      apply(row, event) {
        if (textOf(event) === 'poison') throw new TypeError('cannot read it');
        return projection.apply(row, event);
      },
    };
    await newRunner(today(ports()), failing).runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream])).toEqual([{ text: 'before', count: 1, streamVersion: 1 }]);
    const [parked, ...others] = await ports().deadLetters.list(tenant, { limit: 10 });
    expect([parked, others]).toMatchObject([{ position, eventType: 'NoteWritten', attempts: 3 }, []]);

    await ports().deadLetters.decide(tenant, parked!.id, 'retry');
    await newRunner(today(ports()), projection).runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream])).toEqual([{ text: 'behind', count: 5, streamVersion: 3 }]);
    expect(await ports().deadLetters.list(tenant, { limit: 10 })).toEqual([]);
  });

  it('are parked when nothing is left of them: an event never vanishes', async () => {
    const [tenant, bad, good] = [newTenant(), newStream(), newStream()];
    await write(ports(), tenant, bad, { text: '' });
    await write(ports(), tenant, good, { text: 'a' });
    await newRunner(today(ports())).runner.runOnce();
    const parked = await ports().deadLetters.list(tenant, { limit: 10 });
    expect(parked).toMatchObject([{ stream: { id: bad.id }, error: { code: 'event-types.event-vanished' } }]);
    expect(await notesOf(ports(), tenant, [good])).toMatchObject([{ text: 'a' }]);
  });
}

function describeExplanation(ports: Ports): void {
  const explain = (tenant: TenantId, { type, id }: StreamId, limit = 10) => {
    const projection = { ...trail, streamOf: () => ({ type, id }) };
    return rowLineage(
      { projection, tenant, key: id, after: 0, limit },
      { ...today(ports()), timeLimit: new VmTimeLimit(), handlerTimeoutMs: 500 },
    );
  };

  it('are one step each on the way back from a row', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a; b' }, { text: 'c' });
    await newRunner(today(ports()), trail).runner.runOnce();
    const { steps, differs } = await explain(tenant, stream);
    expect(steps.map(({ event, row }) => [event.streamVersion, row.value?.['text']])).toEqual([
      [1, 'a, b'],
      [2, 'a, b, c'],
    ]);
    expect(differs).toEqual([]);
    expect((await explain(tenant, stream, 1)).hasMore).toBe(true);
  });

  it('say why they cannot be read, with the rows of their stream', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a' });
    await ports().events.append({ tenant, stream, expected: 1, events: [newEvent('NoteWritten', { text: '' })] });
    const { steps } = await explain(tenant, stream);
    expect(steps.map(({ row }) => row.error?.code)).toEqual([undefined, 'event-types.event-vanished']);
  });
}
