// What every store promises of projections whose rows are stored with the append, as one suite.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { inlineProjection, type Projection } from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';
import { newEvent, newStream, newTenant } from '../new-event.ts';
import { untilLevel } from './following-set-wise.ts';
import {
  noteCount,
  noteList,
  noteOf,
  noteTypes,
  SIZE_REFUSED,
  type MakeProjectionStore,
  type ProjectionStoreUnderTest,
} from './projection-fixture.ts';
import { newRunner, write } from './runner-under-test.ts';

const inlineList = inlineProjection(noteList);

export function describeInlineProjections(name: string, make: MakeProjectionStore): void {
  describe(`${name}: rows stored with the append`, () => {
    let ports: ProjectionStoreUnderTest;
    let tenant: TenantId;
    let stream: StreamId;
    beforeEach(async () => {
      ports = await make(inlineList, noteTypes);
      [tenant, stream] = [newTenant(), newStream()];
    });
    afterEach(() => ports.close());
    const note = async (): Promise<ReturnType<typeof noteOf>> =>
      noteOf(await ports.readModels.find(inlineList, tenant, stream.id));

    it('are there when the append is acknowledged, without a worker', async () => {
      await write(ports, tenant, stream, { text: 'one' }, { text: 'two' });
      expect(await note()).toEqual({ text: 'two', count: 2, streamVersion: 2 });
      await write(ports, tenant, stream, { text: 'three' });
      expect(await note()).toEqual({ text: 'three', count: 3, streamVersion: 3 });
      await write(ports, tenant, stream, { text: 'gone', isRemoved: true });
      expect(await note()).toBeUndefined();
    });

    it('are not there when the append is refused, and refuse it when the table cannot hold them', async () => {
      await write(ports, tenant, stream, { text: 'one' });
      const late = [newEvent('NoteWritten', { text: 'late' })];
      const append = { tenant, stream, expected: 0, events: late } as const;
      await expect(ports.events.append(append)).rejects.toMatchObject({ code: 'event-store.version-conflict' });
      const tooLarge = write(ports, tenant, stream, { text: 'too large', size: SIZE_REFUSED });
      await expect(tooLarge).rejects.toMatchObject({ code: 'projection.row-refused' });
      expect(await note()).toEqual({ text: 'one', count: 1, streamVersion: 1 });
      const { streamVersion } = await write(ports, tenant, stream, { text: 'two' });
      expect(streamVersion).toBe(2);
      const none = { tenant, stream: newStream(), expected: 'stream-exists', events: late } as const;
      await expect(ports.events.append(none)).rejects.toMatchObject({ code: 'event-store.version-conflict' });
    });

    it('see what was appended before the projection was stored so', async () => {
      await write({ ...ports, ...ports.open(noteTypes) }, tenant, stream, { text: 'one' }, { text: 'two' });
      expect(await note()).toBeUndefined();
      await write(ports, tenant, stream, { text: 'three' });
      expect(await note()).toEqual({ text: 'three', count: 3, streamVersion: 3 });
    });

    it('count each event once, whether the append, its repetition or the worker is first', async () => {
      const events = [newEvent('NoteWritten', { text: 'one' })];
      const append = { tenant, stream, expected: 'any', events } as const;
      await ports.events.append(append);
      const { runner } = newRunner(ports, inlineList);
      await untilLevel(ports, () => runner.runOnce());
      expect(await ports.events.append(append)).toMatchObject({ streamVersion: 1, repeated: true });
      await write(ports, tenant, stream, { text: 'two' });
      await untilLevel(ports, () => runner.runOnce());
      expect(await note()).toEqual({ text: 'two', count: 2, streamVersion: 2 });
    });

    it('have seen all of twenty appends that name no version and come at once', async () => {
      await Promise.all(Array.from({ length: 20 }, () => write(ports, tenant, stream, { text: 'again' })));
      expect(await note()).toEqual({ text: 'again', count: 20, streamVersion: 20 });
    });

    it('may not depend on what only the record of an event tells', async () => {
      const early: Projection = {
        ...inlineList,
        apply: (row, event) => ({ ...noteList.apply(row, event), count: Number(event.position) }),
      };
      const own = await make(early, noteTypes);
      const refused = write(own, tenant, stream, { text: 'one' });
      await expect(refused).rejects.toMatchObject({ code: 'projection.inline-too-early' });
      expect((await own.log.head()).position).toBe(0n);
      await own.close();
    });
  });
  describeDeclaring();
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
