// From a stored row back to its events, over the stores under test.
import { describe, expect, it } from '@jest/globals';
import { rowLineage, type Projection, type RowLineage } from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';
import fc from 'fast-check';
import { newEvent, newStream, newTenant } from '../new-event.ts';
import { VmTimeLimit } from '../vm-time-limit.ts';
import { noteList, type NoteData, type ProjectionStoreUnderTest } from './projection-fixture.ts';
import { newRunner, write } from './runner-under-test.ts';

const RUNS = 15;

const limit = { timeLimit: new VmTimeLimit(), handlerTimeoutMs: 500 };
const explained: Projection = { ...noteList, streamOf: (id) => ({ type: 'note', id }) };

const explain = (
  { events, readModels }: ProjectionStoreUnderTest,
  tenant: TenantId,
  { id }: StreamId,
  page: { readonly after?: number; readonly limit?: number } = {},
): Promise<RowLineage> =>
  rowLineage(
    { projection: explained, tenant, key: id, after: 0, limit: 100, ...page },
    { events, readModels, ...limit },
  );

const originsOf = ({ origins }: RowLineage): Record<string, number> =>
  Object.fromEntries([...origins].map(([column, { streamVersion }]) => [column, streamVersion]));

export function describeExplaining(ports: () => ProjectionStoreUnderTest): void {
  describe('explaining a row', () => {
    describeOrigins(ports);
    describeDifferences(ports);
  });
}

function describeOrigins(ports: () => ProjectionStoreUnderTest): void {
  it('tells for each column which event has set the value that is stored now', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a' }, { text: 'b', size: 2 }, { text: 'b', size: 2 });
    await newRunner(ports()).runner.runOnce();
    const lineage = await explain(ports(), tenant, stream);
    expect(originsOf(lineage)).toEqual({ id: 1, text: 2, size: 2, count: 3, stream_version: 3 });
    expect(lineage).toMatchObject({ stream, stored: { text: 'b', count: 3 }, differs: [], hasMore: false });
    expect(lineage.steps.map(({ row }) => row.changed)).toEqual([
      ['id', 'text', 'count', 'size', 'stream_version'],
      ['text', 'count', 'size', 'stream_version'],
      ['count', 'stream_version'],
    ]);
  });

  it('tells the last event that changed a column, whatever was written, removed and written again', async () => {
    const note = fc.record({
      text: fc.constantFrom('a', 'b'),
      size: fc.constantFrom(1, 2),
      isRemoved: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(note, { minLength: 1, maxLength: 8 }), async (notes) => {
        const [tenant, stream] = [newTenant(), newStream()];
        await write(ports(), tenant, stream, ...notes);
        await newRunner(ports()).runner.runOnce();
        const lineage = await explain(ports(), tenant, stream);
        expect(lineage.differs).toEqual([]);
        expect(lineage.stored === undefined).toBe(notes.at(-1)!.isRemoved);
        const shown = ({ text, isRemoved }: NoteData): string | undefined => (isRemoved === true ? undefined : text);
        const texts = [undefined, ...notes.map(shown)];
        const lastChange = texts.findLastIndex((text, at) => at > 0 && text !== texts[at - 1]);
        expect(lineage.origins.get('text')?.streamVersion ?? -1).toBe(lastChange);
      }),
      { numRuns: RUNS },
    );
  });

  it('comes page by page, with the same origins on each', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a' }, { text: 'b' }, { text: 'c' });
    const first = await explain(ports(), tenant, stream, { limit: 2 });
    const second = await explain(ports(), tenant, stream, { limit: 2, after: 2 });
    const versions = [first, second].map(({ steps }) => steps.map(({ event }) => event.streamVersion));
    expect([versions, first.hasMore, second.hasMore]).toEqual([[[1, 2], [3]], true, false]);
    expect(originsOf(second)).toEqual(originsOf(first));
  });
}

function describeDifferences(ports: () => ProjectionStoreUnderTest): void {
  it('names the columns in which the stored row is behind its events', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a' });
    await newRunner(ports()).runner.runOnce();
    await write(ports(), tenant, stream, { text: 'b' });
    const lineage = await explain(ports(), tenant, stream);
    expect(lineage).toMatchObject({ stored: { text: 'a' }, differs: ['text', 'count', 'stream_version'] });
  });

  it('shows which event could not be applied, and why', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a' });
    await ports().events.append({ tenant, stream, expected: 1, events: [newEvent('NoteWritten', null)] });
    const { steps } = await explain(ports(), tenant, stream);
    expect(steps.map(({ row }) => row.error?.code)).toEqual([undefined, 'replay.failed']);
  });

  it('knows nothing of a row that no event would make, nor of a row of another tenant', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a' });
    await newRunner(ports()).runner.runOnce();
    const unknown = { code: 'projection.row-unknown' };
    await expect(explain(ports(), tenant, newStream())).rejects.toMatchObject(unknown);
    await expect(explain(ports(), newTenant(), stream)).rejects.toMatchObject(unknown);
  });

  it('shows which event its handler comes to no end with, and goes on behind it', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a' }, { text: 'endless' }, { text: 'c' });
    const hanging: Projection = {
      ...explained,
      apply: (row, event) => {
        while ((event.data as NoteData).text === 'endless');
        return noteList.apply(row, event);
      },
    };
    const question = { projection: hanging, tenant, key: stream.id, after: 0, limit: 10 };
    const { steps } = await rowLineage(question, { ...ports(), ...limit, handlerTimeoutMs: 50 });
    const told = steps.map(({ row }) => [row.error?.code, row.value?.['text']]);
    expect(told).toEqual([
      [undefined, 'a'],
      ['projection.handler-hung', 'a'],
      [undefined, 'c'],
    ]);
    expect(steps[1]!.row.error?.message).toContain('50 ms');
  });

  it('asks for the stream where the projection does not say it', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a' });
    const question = { projection: noteList, tenant, key: stream.id, after: 0, limit: 1 };
    await expect(rowLineage(question, { ...ports(), ...limit })).rejects.toMatchObject({
      code: 'lineage.stream-needed',
    });
    expect((await rowLineage({ ...question, stream }, { ...ports(), ...limit })).steps).toHaveLength(1);
  });
}
