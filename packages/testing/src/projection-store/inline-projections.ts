// What every store promises of projections whose rows are stored with the append, as one suite.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { inlineProjection, type Projection, type Row } from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';
import fc from 'fast-check';
import { newEvent, newStream, newTenant } from '../new-event.ts';
import { untilLevel } from './following-set-wise.ts';
import {
  noteAfter,
  noteCount,
  noteList,
  noteOf,
  noteTypes,
  SIZE_REFUSED,
  type MakeProjectionStore,
  type NoteData,
  type ProjectionStoreUnderTest,
} from './projection-fixture.ts';
import { newRunner, write } from './runner-under-test.ts';

const inlineList = inlineProjection(noteList);
const SLICES = 2;

export function describeInlineProjections(name: string, make: MakeProjectionStore): void {
  describe(`${name}: rows stored with the append`, () => {
    const opened: ProjectionStoreUnderTest[] = [];
    const use: Use = async (projection = inlineList, registered = projection) => {
      const ports = await make(projection, noteTypes);
      opened.push(ports);
      await ports.store.register(registered, SLICES);
      return new NotesUnderTest(ports, projection);
    };
    afterEach(async () => {
      for (const ports of opened.splice(0)) await ports.close();
    });
    describeStoring(use);
    describeCounting(use);
    describeTogether(use);
    describeLeaving(use, make);
    describeRefusing(use);
  });
  describeDeclaring();
}

type Use = (projection?: Projection, registered?: Projection) => Promise<NotesUnderTest>;

/** One stream of notes, and its row. */
class NotesUnderTest {
  readonly ports: ProjectionStoreUnderTest;
  readonly tenant: TenantId = newTenant();
  readonly stream: StreamId = newStream();
  readonly #projection: Projection;

  constructor(ports: ProjectionStoreUnderTest, projection: Projection) {
    this.ports = ports;
    this.#projection = projection;
  }

  readonly write = (...notes: readonly NoteData[]): ReturnType<typeof write> =>
    write(this.ports, this.tenant, this.stream, ...notes);

  /** By a program that stores no rows with its appends. */
  readonly writeOnly = (...notes: readonly NoteData[]): ReturnType<typeof write> =>
    write({ ...this.ports, ...this.ports.open(noteTypes) }, this.tenant, this.stream, ...notes);

  readonly row = async (): Promise<ReturnType<typeof noteOf>> =>
    noteOf(await this.ports.readModels.find(this.#projection, this.tenant, this.stream.id));

  readonly follow = (projection = this.#projection): Promise<void> => {
    const { runner } = newRunner(this.ports, projection);
    return untilLevel(this.ports, () => runner.runOnce());
  };

  readonly parked = () => this.ports.deadLetters.list(this.tenant, { limit: 10 });
}

const noted = (text: string, count: number, streamVersion = count) => ({ text, count, streamVersion });
const textOf = (event: { readonly data: unknown }): string => (event.data as NoteData).text;

function describeStoring(use: Use): void {
  let notes: NotesUnderTest;
  beforeEach(async () => {
    notes = await use();
  });

  it('are there when the append is acknowledged, without a worker', async () => {
    await notes.write({ text: 'one' }, { text: 'two' });
    expect(await notes.row()).toEqual(noted('two', 2));
    await notes.write({ text: 'three' });
    expect(await notes.row()).toEqual(noted('three', 3));
  });

  it('are not there when the append is refused, and refuse it when the table cannot hold them', async () => {
    const { ports, tenant, stream } = notes;
    await notes.write({ text: 'one' });
    const late = [newEvent('NoteWritten', { text: 'late' })];
    const append = { tenant, stream, expected: 0, events: late } as const;
    await expect(ports.events.append(append)).rejects.toMatchObject({ code: 'event-store.version-conflict' });
    const tooLarge = notes.write({ text: 'too large', size: SIZE_REFUSED });
    await expect(tooLarge).rejects.toMatchObject({ code: 'projection.row-refused' });
    expect(await notes.row()).toEqual(noted('one', 1));
    expect(await notes.write({ text: 'two' })).toMatchObject({ streamVersion: 2 });
    const none = { tenant, stream: newStream(), expected: 'stream-exists', events: late } as const;
    await expect(ports.events.append(none)).rejects.toMatchObject({ code: 'event-store.version-conflict' });
  });

  it('see what was appended before the projection was stored so', async () => {
    await notes.writeOnly({ text: 'one' }, { text: 'two' });
    expect(await notes.row()).toBeUndefined();
    await notes.write({ text: 'three' });
    expect(await notes.row()).toEqual(noted('three', 3));
  });

  it('have seen all of twenty appends that name no version and come at once', async () => {
    await Promise.all(Array.from({ length: 20 }, () => notes.write({ text: 'again' })));
    expect(await notes.row()).toEqual(noted('again', 20));
  });
}

function describeCounting(use: Use): void {
  it('count each event once, whether the append, its repetition or the worker is first', async () => {
    const once: Projection = inlineProjection({
      ...noteList,
      apply: (row, event) => {
        if (row !== undefined && textOf(event) === 'one') throw new Error('There is one already.');
        return noteAfter(row, event);
      },
    });
    const notes = await use(once);
    const { ports, tenant, stream } = notes;
    const events = [newEvent('NoteWritten', { text: 'one' })];
    const append = { tenant, stream, expected: 'any', events } as const;
    await ports.events.append(append);
    expect(await ports.events.append(append)).toMatchObject({ streamVersion: 1, repeated: true });
    await notes.follow();
    expect(await ports.events.append(append)).toMatchObject({ streamVersion: 1, repeated: true });
    await notes.write({ text: 'two' });
    await notes.follow();
    expect(await notes.row()).toEqual(noted('two', 2));
  });

  it('count each event once also where the handler says nothing of versions, or something wrong', async () => {
    const unversioned: Projection = inlineProjection({
      ...noteList,
      apply: (row, event) => ({ ...noteAfter(row, event), stream_version: 7 }),
    });
    const notes = await use(unversioned);
    for (const text of ['one', 'two', 'three']) await notes.write({ text });
    expect(await notes.row()).toEqual(noted('three', 3));
    await notes.follow();
    expect(await notes.row()).toEqual(noted('three', 3));
    await notes.writeOnly({ text: 'four' });
    await notes.follow();
    expect(await notes.row()).toEqual(noted('four', 4));
  });
}

function describeTogether(use: Use): void {
  const steps = fc.array(fc.constantFrom('write', 'writeOnly', 'follow'), { minLength: 1, maxLength: 12 });

  it('have seen everything after each append, whoever appended before and however far the worker has come', async () => {
    const { ports } = await use();
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const notes = new NotesUnderTest(ports, inlineList);
        let count = 0;
        for (const step of taken) {
          if (step === 'follow') await notes.follow();
          else await notes[step]({ text: `${++count}` });
          if (step === 'write') expect(await notes.row()).toEqual(noted(`${count}`, count));
        }
        await notes.follow();
        expect(await notes.row()).toEqual(count === 0 ? undefined : noted(`${count}`, count));
        expect(await notes.parked()).toEqual([]);
      }),
      { numRuns: 12 },
    );
  });

  it('are whole when appends of two programs, one without them, meet a worker at work', async () => {
    const notes = await use();
    const stop = new AbortController();
    const running = newRunner(notes.ports, inlineList).runner.run(stop.signal);
    for (let count = 2; count <= 40; count += 2) {
      await notes.writeOnly({ text: 'beside' });
      await notes.write({ text: 'own' });
      expect(await notes.row()).toEqual(noted('own', count));
    }
    stop.abort();
    await running;
    await notes.follow();
    expect(await notes.row()).toEqual(noted('own', 40));
  });
}

/** Cannot apply the text `poison` as long as `isBroken`. */
function breakable(): Projection & { isBroken: boolean } {
  const projection: Projection & { isBroken: boolean } = Object.assign(
    inlineProjection({
      ...noteList,
      apply: (row: Row | undefined, event) => {
        if (projection.isBroken && textOf(event) === 'poison') throw new TypeError('cannot read it');
        return noteAfter(row, event);
      },
    }),
    { isBroken: true },
  );
  return projection;
}

function describeLeaving(use: Use, make: MakeProjectionStore): void {
  it('are left to the worker until it has registered the projection', async () => {
    const ports = await make(inlineList, noteTypes);
    const notes = new NotesUnderTest(ports, inlineList);
    await notes.write({ text: 'one' });
    expect(await notes.row()).toBeUndefined();
    await notes.follow();
    await notes.write({ text: 'two' });
    expect(await notes.row()).toEqual(noted('two', 2));
    await ports.close();
  });

  it.each([
    ['before the table has been rebuilt for it', 2, 1],
    ['when the table has been rebuilt for a later program', 1, 2],
  ])('are left to the worker %s', async (_when, declared, stored) => {
    const notes = await use({ ...inlineList, schemaVersion: declared }, { ...inlineList, schemaVersion: stored });
    await notes.write({ text: 'one' });
    expect(await notes.row()).toBeUndefined();
    await notes.follow({ ...inlineList, schemaVersion: stored });
    await notes.write({ text: 'two' });
    expect(await notes.row()).toEqual(noted('one', 1));
  });

  it('are left to the worker behind an earlier event that cannot be applied, until the stream goes on', async () => {
    const projection = breakable();
    const notes = await use(projection);
    await notes.write({ text: 'one' });
    await notes.writeOnly({ text: 'poison' });
    await notes.write({ text: 'three' });
    expect(await notes.row()).toEqual(noted('one', 1));
    await notes.follow();
    const [parked] = await notes.parked();
    projection.isBroken = false;
    await notes.write({ text: 'four' });
    expect(await notes.row()).toEqual(noted('one', 1));

    await notes.ports.deadLetters.decide(notes.tenant, parked!.id, 'retry');
    await newRunner(notes.ports, projection).runner.runOnce();
    expect(await notes.parked()).toEqual([]);
    await notes.follow();
    await notes.write({ text: 'five' });
    expect(await notes.row()).toEqual(noted('five', 5));
  });

  it('do not see what an operator has discarded, even if it could be applied now', async () => {
    const projection = breakable();
    const notes = await use(projection);
    await notes.write({ text: 'one' });
    await notes.writeOnly({ text: 'poison' });
    await notes.follow();
    await notes.ports.deadLetters.decide(notes.tenant, (await notes.parked())[0]!.id, 'discard');
    await newRunner(notes.ports, projection).runner.runOnce();
    expect(await notes.parked()).toEqual([]);
    projection.isBroken = false;
    await notes.write({ text: 'three' });
    expect(await notes.row()).toEqual(noted('three', 2, 3));
  });
}

function describeRefusing(use: Use): void {
  it('are never removed: that refuses the append, and the worker finds every row as it expects it', async () => {
    const notes = await use();
    await notes.write({ text: 'one' });
    await notes.follow();
    await notes.write({ text: 'two' });
    const removal = notes.write({ text: 'gone', isRemoved: true });
    await expect(removal).rejects.toMatchObject({ code: 'projection.inline-removes-row' });
    const both = notes.write({ text: 'gone', isRemoved: true }, { text: 'back' });
    await expect(both).rejects.toMatchObject({ code: 'projection.inline-removes-row' });
    await notes.follow();
    expect(await notes.row()).toEqual(noted('two', 2));
    expect(await notes.parked()).toEqual([]);
  });

  it('come from the worker where it has yet to pass a removal of before', async () => {
    const notes = await use();
    await notes.writeOnly({ text: 'one' }, { text: 'gone', isRemoved: true });
    await notes.write({ text: 'back' });
    expect(await notes.row()).toBeUndefined();
    await notes.follow();
    await notes.write({ text: 'again' });
    expect(await notes.row()).toEqual(noted('again', 2, 4));
  });

  it('refuse an append to which the handler fails or does not come to its end, and name its event type', async () => {
    const projection = inlineProjection({
      ...noteList,
      apply: (row: Row | undefined, event) => {
        while (textOf(event) === 'endless');
        if (textOf(event) === 'broken') throw new TypeError('secret');
        return noteAfter(row, event);
      },
    });
    const notes = await use(projection);
    const refused = { code: 'projection.inline-failed', details: { eventType: 'NoteWritten' } };
    await expect(notes.write({ text: 'broken' })).rejects.toMatchObject({ ...refused, cause: new TypeError('secret') });
    const hung = { ...refused, cause: { code: 'projection.handler-hung' } };
    await expect(notes.write({ text: 'endless' })).rejects.toMatchObject(hung);
    expect(await notes.write({ text: 'one' })).toMatchObject({ streamVersion: 1 });
  });

  it('may not depend on what only the record of an event tells', async () => {
    const early: Projection = {
      ...inlineList,
      apply: (row, event) => ({ ...noteList.apply(row, event), count: Number(event.position) }),
    };
    const notes = await use(early);
    await expect(notes.write({ text: 'one' })).rejects.toMatchObject({ code: 'projection.inline-too-early' });
    expect((await notes.ports.log.head()).position).toBe(0n);
  });
}

function describeDeclaring(): void {
  describe('inlineProjection', () => {
    it('refuses a projection whose rows cannot tell what they have seen, and one with follow-ups', () => {
      const { stream_version: _, ...columns } = noteList.table.columns;
      const refused = { code: 'projection.inline-not-possible' };
      const withoutVersion = { ...noteList, table: { ...noteList.table, columns } };
      expect(() => inlineProjection(withoutVersion)).toThrow(expect.objectContaining(refused));
      const withFollowUps: Projection = { ...noteList, followUps: { permissions: [], of: () => [] } };
      expect(() => inlineProjection(withFollowUps)).toThrow(expect.objectContaining(refused));
      expect(inlineProjection(noteCount)).not.toHaveProperty('merge');
    });
  });
}
