// The rows of one stream are made again from its events, while workers go on with it and all others.
import {
  pause,
  rebuildStream,
  type Projection,
  type ProjectionRunner,
  type RecordedEvent,
} from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';
import { describe, expect, it } from '@jest/globals';
import { newStream, newTenant } from '../new-event.ts';
import { VmTimeLimit } from '../vm-time-limit.ts';
import {
  noteAfter,
  noteCount,
  noteList,
  storeWith,
  type NoteData,
  type ProjectionStoreUnderTest,
} from './projection-fixture.ts';
import { newRunner, notesOf, OWNER, write } from './runner-under-test.ts';

type Ports = () => ProjectionStoreUnderTest;

const streamOf = (id: string): StreamId => ({ type: 'note', id });
const list: Projection = { ...noteList, streamOf };
const failing: Projection = {
  ...list,
  apply: (row, event: RecordedEvent) => {
    if ((event.data as NoteData).text === 'poison') throw new TypeError('cannot read it');
    return noteAfter(row, event);
  },
};

/** As a handler does in moments in which something else takes the processor. */
function hangingTimes(times: number): Projection {
  let calls = 0;
  const apply: Projection['apply'] = (row, event: RecordedEvent) => {
    const hangs = (event.data as NoteData).text === 'poison' && ++calls <= times;
    while (hangs);
    return noteAfter(row, event);
  };
  return { ...list, apply };
}

const TIMEOUT_MS = 100;

const BOTH_WAYS = [
  ['row by row', list],
  ['set by set', { ...noteCount, streamOf }],
] as const;

export function describeRebuildingAStream(ports: Ports): void {
  describe('rebuilding one stream', () => {
    describeRows(ports);
    describeGoingOn(ports);
    describeParkedStreams(ports);
    describeHanging(ports);
    describeRefusals(ports);
  });
}

function describeRows(ports: Ports): void {
  it('replaces its rows by what its events give, and touches no other', async () => {
    const [tenant, other, [spoilt, lost, kept]] = [newTenant(), newTenant(), [newStream(), newStream(), newStream()]];
    for (const stream of [spoilt!, lost!, kept!]) await write(ports(), tenant, stream, { text: 'a' }, { text: 'b' });
    await write(ports(), other, spoilt!, { text: 'theirs' });
    await newRunner(ports()).runner.runOnce();
    const wrong = { text: 'wrong', count: 7, size: 1, stream_version: 99 };
    await spoil(
      ports(),
      tenant,
      [spoilt!, kept!].map(({ id }) => ({ ...wrong, id })),
      [lost!.id],
    );
    await spoil(ports(), other, [{ ...wrong, id: spoilt!.id }], []);

    const { position } = await ports().log.head();
    for (const stream of [spoilt!, lost!]) {
      expect(await rebuilt(ports(), tenant, stream)).toEqual({
        upTo: position,
        rows: 1,
        removed: 0,
        parkedAt: undefined,
      });
    }
    const right = { text: 'b', count: 2, streamVersion: 2 };
    expect(await notesOf(ports(), tenant, [spoilt!, lost!, kept!])).toEqual([
      right,
      right,
      { text: 'wrong', count: 7, streamVersion: 99 },
    ]);
    expect(await notesOf(ports(), other, [spoilt!])).toMatchObject([{ text: 'wrong' }]);
  });

  it('takes away a row that the last event has removed', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a' }, { text: 'a', isRemoved: true });
    await newRunner(ports()).runner.runOnce();
    await spoil(ports(), tenant, [{ id: stream.id, text: 'ghost', count: 1, size: 1, stream_version: 1 }], []);
    expect(await rebuilt(ports(), tenant, stream)).toMatchObject({ rows: 0, removed: 1 });
    expect(await notesOf(ports(), tenant, [stream])).toEqual([undefined]);
  });

  it('leaves to the worker what its checkpoint has not passed', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'seen' });
    await newRunner(ports()).runner.runOnce();
    await write(ports(), tenant, stream, { text: 'not seen' });
    await rebuilt(ports(), tenant, stream);
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'seen', count: 1 }]);
    await newRunner(ports()).runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'not seen', count: 2 }]);
  });
}

function describeGoingOn(ports: Ports): void {
  it.each(BOTH_WAYS)(
    'loses no event and applies none twice while a worker applies them %s',
    async (_how, projection) => {
      const [tenant, streams] = [newTenant(), Array.from({ length: 4 }, () => newStream())];
      for (const stream of streams) await write(ports(), tenant, stream, { text: 'first' });
      const stop = new AbortController();
      const { runner } = newRunner(ports(), projection, { batchSizeMax: 3 });
      await runner.runOnce();
      const running = runner.run(stop.signal);
      const writing = (async () => {
        for (let n = 0; n < 60; n++) await write(ports(), tenant, streams[n % 4]!, { text: `more ${n}` });
      })();
      for (let n = 0; n < 24; n++) await rebuilt(ports(), tenant, streams[n % 4]!, projection);
      await writing;
      stop.abort();
      await running;
      while (await newRunner(ports(), projection).runner.runOnce());

      for (const row of await notesOf(ports(), tenant, streams, projection)) {
        expect(row).toMatchObject({ count: 16, streamVersion: 16 });
      }
    },
  );

  it.each(BOTH_WAYS)('lets a worker that comes meanwhile wait, and apply behind it %s', async (_how, projection) => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a' });
    const { runner } = newRunner(ports(), projection, LOOKING_ONCE);
    await runner.runOnce();
    await write(ports(), tenant, stream, { text: 'b' });
    await rebuilt(duringWhich(ports(), runner), tenant, stream, projection);
    await newRunner(ports(), projection).runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream], projection)).toMatchObject([{ text: 'b', count: 2 }]);
  });

  it.each(BOTH_WAYS)(
    'keeps a worker that waits from applying %s what is parked meanwhile',
    async (_how, projection) => {
      const [tenant, stream] = [newTenant(), newStream()];
      await write(ports(), tenant, stream, { text: 'poison' });
      const { runner } = newRunner(ports(), projection, LOOKING_ONCE);
      await runner.runOnce();
      await write(ports(), tenant, stream, { text: 'behind' });
      await rebuilt(duringWhich(ports(), runner), tenant, stream, failing);
      await newRunner(ports(), projection).runner.runOnce();
      expect(await parkedOf(ports(), tenant)).toHaveLength(1);
      expect(await notesOf(ports(), tenant, [stream], projection)).toEqual([undefined]);
    },
  );
}

function describeParkedStreams(ports: Ports): void {
  it('stops before the event behind which the stream is parked, which stays there and goes on in order', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'before' }, { text: 'poison' }, { text: 'behind' });
    await newRunner(ports(), failing).runner.runOnce();
    const [before] = await parkedOf(ports(), tenant);
    await spoil(ports(), tenant, [], [stream.id]);
    await rebuilt(ports(), tenant, stream);
    expect(await parkedOf(ports(), tenant)).toEqual([before]);
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'before', count: 1 }]);
    await ports().deadLetters.decide(tenant, before!.id, 'retry');
    await newRunner(ports()).runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'behind', count: 3 }]);
    expect(await parkedOf(ports(), tenant)).toEqual([]);
  });

  it('stops before one whose handler hangs, as before any other', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'before' }, { text: 'poison' });
    await newRunner(ports(), failing).runner.runOnce();
    await spoil(ports(), tenant, [], [stream.id]);
    await rebuilt(ports(), tenant, stream, hangingTimes(Infinity), TIMEOUT_MS);
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'before', count: 1 }]);
  });

  it('parks the stream at an event that cannot be applied today, with the rows of what is before it', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'before' }, { text: 'poison' }, { text: 'behind' });
    await newRunner(ports()).runner.runOnce();
    const { parkedAt } = await rebuilt(ports(), tenant, stream, failing);
    expect(await parkedOf(ports(), tenant)).toMatchObject([
      { eventId: parkedAt, error: { code: 'projection.event-failed' } },
    ]);
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'before', count: 1 }]);
  });
}

function describeHanging(ports: Ports): void {
  it('calls a handler again that hangs, as a worker does', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'before' }, { text: 'poison' });
    await newRunner(ports()).runner.runOnce();
    await spoil(ports(), tenant, [], [stream.id]);
    expect(await rebuilt(ports(), tenant, stream, hangingTimes(2), TIMEOUT_MS)).toMatchObject({ parkedAt: undefined });
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'poison', count: 2 }]);
    expect(await parkedOf(ports(), tenant)).toEqual([]);
  });

  it('is refused when it hangs for good: the stream goes on, with the rows that it had', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'before' }, { text: 'poison' });
    await newRunner(ports()).runner.runOnce();
    await expect(rebuilt(ports(), tenant, stream, hangingTimes(Infinity), TIMEOUT_MS)).rejects.toMatchObject({
      code: 'projection.rebuild-hung',
    });
    expect(await parkedOf(ports(), tenant)).toEqual([]);
    await write(ports(), tenant, stream, { text: 'behind' });
    await newRunner(ports()).runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'behind', count: 3 }]);
  });
}

function describeRefusals(ports: Ports): void {
  it('is refused where the rows of the stream are not known, and changes nothing', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a' });
    await newRunner(ports()).runner.runOnce();
    const refused = (projection: Projection) => expect(rebuilt(ports(), tenant, stream, projection)).rejects;
    await refused(noteList).toMatchObject({ code: 'projection.rows-without-stream' });
    const shared = { ...list, keyOf: () => 'all', streamOf: () => streamOf('first') };
    await refused(shared).toMatchObject({ code: 'projection.rows-of-several-streams' });
    await refused({ ...list, schemaVersion: 2 }).toMatchObject({ code: 'projection.outdated' });
    await refused({ ...list, name: 'contract.unheard-of' }).toMatchObject({ code: 'projection.stream-unknown' });
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'a', count: 1 }]);
  });
}

const rebuilt = (
  ports: ProjectionStoreUnderTest,
  tenant: TenantId,
  stream: StreamId,
  projection = list,
  handlerTimeoutMs?: number,
) => rebuildStream(projection, { tenant, ...stream }, { ...ports, timeLimit: new VmTimeLimit() }, handlerTimeoutMs);

/** It keeps the slices that it has leased once, as between two looks. */
const LOOKING_ONCE = { reportIntervalMs: 60_000 };

/** The same ports; when the slice is held, the worker comes to what it has to do. */
function duringWhich(ports: ProjectionStoreUnderTest, worker: ProjectionRunner): ProjectionStoreUnderTest {
  const store = storeWith(ports.store, {
    async holdSlice(projection, stream, work) {
      let pass: Promise<unknown> = Promise.resolve();
      const isHeld = await ports.store.holdSlice(projection, stream, async (tx, slice) => {
        pass = worker.runOnce();
        // It cannot come to its end before this work has; one that could would need no longer than this.
        await Promise.race([pass, pause(200)]);
        await work(tx, slice);
      });
      await pass;
      return isHeld;
    },
  });
  return { ...ports, store };
}

/** Past the projection: what a fault, or somebody with a database client, has left behind. */
async function spoil(
  { store }: ProjectionStoreUnderTest,
  tenant: TenantId,
  rows: readonly Record<string, unknown>[],
  removed: readonly string[],
): Promise<void> {
  const [slice] = await store.lease(noteList, OWNER, 60_000, 2);
  await store.advance(noteList, slice!, slice!.position, (tx) => tx.store(tenant, rows, removed));
}

const parkedOf = ({ deadLetters }: ProjectionStoreUnderTest, tenant: TenantId) =>
  deadLetters.list(tenant, { limit: 10 });
