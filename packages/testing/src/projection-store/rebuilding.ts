// Read models built beside the live ones: what is read meanwhile, what is compared, what is switched and taken back.
import {
  pause,
  RebuildRunner,
  type Projection,
  type Rebuild,
  type RebuildKind,
  type RebuildRunnerPorts,
  type RebuildState,
} from '@groundwork/application';
import { describe, expect, it } from '@jest/globals';
import { SeededIds, SystemClock } from '../clocks-and-ids.ts';
import { eventually } from '../eventually.ts';
import { newStream, newTenant } from '../new-event.ts';
import { MemoryLogger, MemoryMetrics, MemoryTracer } from '../observations.ts';
import { VmTimeLimit } from '../vm-time-limit.ts';
import { noteAfter, noteList, type ProjectionStoreUnderTest } from './projection-fixture.ts';
import { newRunner, notesOf, write } from './runner-under-test.ts';

type Ports = () => ProjectionStoreUnderTest;

/** The same notes, in capitals. */
const loudList: Projection = {
  ...noteList,
  schemaVersion: 2,
  apply: (row, event) => {
    const after = noteAfter(row, event);
    return after && { ...after, text: String(after['text']).toUpperCase() };
  },
};

export function describeRebuilding(ports: Ports): void {
  describe('rebuilding', () => {
    describeSwitching(ports);
    describeComparing(ports);
    describeTakingBack(ports);
    describeObstacles(ports);
  });
}

function describeSwitching(ports: Ports): void {
  it('builds beside the table that is read, and switches to identical rows while the log grows', async () => {
    const [tenant, streams] = [newTenant(), Array.from({ length: 8 }, () => newStream())];
    for (const stream of streams) await write(ports(), tenant, stream, { text: 'first' }, { text: 'second' });
    const stop = new AbortController();
    const live = newRunner(ports(), noteList, { owner: 'live' }).runner.run(stop.signal);
    await settled(ports());
    await ports().rebuilds.begin(noteList, { isShadow: false });
    const worker = rebuilding(ports(), [noteList], stop.signal);
    let isSwitched = false;
    const writing = (async () => {
      for (let n = 0; !isSwitched; n++) {
        await write(ports(), tenant, streams[n % 8]!, { text: `more ${n}` });
        await pause(2);
      }
    })();
    await reached(ports(), 'switched');
    isSwitched = true;
    await writing;
    await settled(ports());
    stop.abort();
    await Promise.all([live, worker]);

    const rows = await notesOf(ports(), tenant, streams);
    for (const row of rows) expect(row!.count).toBe(row!.streamVersion);
    const { position } = await ports().log.head();
    expect(rows.reduce((sum, row) => sum + row!.count, 0)).toBe(Number(position));
  });

  it('never passes the live projection, and leaves its rows as they are until the switch', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'seen' });
    await newRunner(ports()).runner.runOnce();
    await write(ports(), tenant, stream, { text: 'not seen' });
    const stop = new AbortController();
    await ports().rebuilds.begin(loudList, { isShadow: true });
    const worker = rebuilding(ports(), [loudList], stop.signal);
    const built = await reached(ports(), 'compared');
    stop.abort();
    await worker;

    expect([built.done, built.total]).toEqual([1n, 1n]);
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'seen', count: 1 }]);
  });

  it('serves the old rows of another schema version until the rebuild, and goes on under the new one', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'old' });
    await newRunner(ports()).runner.runOnce();
    await write(ports(), tenant, stream, { text: 'new' });
    await newRunner(ports(), loudList).runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'old', count: 1 }]);
    await rebuilt(ports(), loudList);
    expect(await notesOf(ports(), tenant, [stream], loudList)).toMatchObject([{ text: 'OLD', count: 1 }]);
    await newRunner(ports(), loudList).runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream], loudList)).toMatchObject([{ text: 'NEW', count: 2 }]);
    expect(await ports().store.lease(noteList, 'worker-1', 60_000, 2)).toEqual([]);
  });

  it('goes on where a worker left off, and former owners of slices have no effect after the switch', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a' }, { text: 'b' });
    await newRunner(ports()).runner.runOnce();
    const [former] = await ports().store.lease(noteList, 'worker-1', 60_000, 2);
    await ports().rebuilds.begin(noteList, { isShadow: false });
    const stop = new AbortController();
    stop.abort();
    await rebuilding(ports(), [noteList], stop.signal);
    await rebuildersUntil(ports(), [noteList], 'switched');
    await expect(ports().store.advance(noteList, former!, 9n, async () => undefined)).rejects.toMatchObject({
      code: 'projection.checkpoint-moved',
    });
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'b', count: 2 }]);
  });
}

function describeComparing(ports: Ports): void {
  it('tells which rows of the live table were not as the log says, to each tenant its own', async () => {
    const [tenant, other, [kept, spoilt, lost]] = [newTenant(), newTenant(), [newStream(), newStream(), newStream()]];
    for (const stream of [kept!, spoilt!, lost!]) await write(ports(), tenant, stream, { text: 'right' });
    await write(ports(), other, kept!, { text: 'theirs' });
    await newRunner(ports()).runner.runOnce();
    const row = { text: 'wrong', count: 1, size: 1, stream_version: 1 };
    const [slice] = await ports().store.lease(noteList, 'worker-1', 60_000, 2);
    await ports().store.advance(noteList, slice!, slice!.position, (tx) =>
      tx.store(
        tenant,
        [
          { ...row, id: spoilt!.id },
          { ...row, id: 'foreign' },
        ],
        [lost!.id],
      ),
    );
    const rebuild = await rebuilt(ports(), noteList);

    expect(rebuild.comparison).toEqual({ rows: 4, added: 1, removed: 1, changed: 1, changedColumns: { text: 1 } });
    expect(await ports().rebuilds.differences(tenant, rebuild)).toEqual([
      expect.objectContaining({ key: lost!.id, change: 'added', before: undefined }),
      { key: spoilt!.id, change: 'changed', before: { text: 'wrong' }, after: { text: 'right' } },
      expect.objectContaining({ key: 'foreign', change: 'removed', after: undefined }),
    ]);
    expect(await ports().rebuilds.differences(other, rebuild)).toEqual([]);
    expect(await notesOf(ports(), tenant, [kept!, spoilt!, lost!])).toMatchObject([
      { text: 'right' },
      { text: 'right' },
      { text: 'right' },
    ]);
  });

  it('lets a shadow run be looked at: it is switched when somebody says so, or leaves nothing behind', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'soft' });
    await newRunner(ports()).runner.runOnce();
    for (const decision of ['cancelled', 'switched'] as const) {
      await ports().rebuilds.begin(loudList, { isShadow: true });
      await rebuildersUntil(ports(), [loudList], 'compared');
      const [shadow] = await ports().rebuilds.open();
      expect(shadow!.comparison).toMatchObject({ changed: 1, changedColumns: { text: 1 } });
      expect(await ports().rebuilds.switchOver(shadow!)).toBe(false);
      expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'soft' }]);
      if (decision === 'cancelled') await ports().rebuilds.drop(shadow!);
      else await ports().rebuilds.approve(shadow!, { isForced: false });
      await rebuildersUntil(ports(), [loudList], decision);
    }
    expect(await notesOf(ports(), tenant, [stream], loudList)).toMatchObject([{ text: 'SOFT' }]);
    expect((await ports().rebuilds.list(noteList.name)).map(({ state, hasTable }) => [state, hasTable])).toEqual([
      ['switched', true],
      ['cancelled', false],
    ]);
  });
}

function describeTakingBack(ports: Ports): void {
  it('puts the former table back, which goes on from where it stood', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'a' });
    await newRunner(ports()).runner.runOnce();
    const rebuild = await rebuilt(ports(), loudList);
    await write(ports(), tenant, stream, { text: 'b' });
    await newRunner(ports(), loudList).runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream], loudList)).toMatchObject([{ text: 'B', count: 2 }]);

    await ports().rebuilds.rollBack(rebuild);
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'a', count: 1 }]);
    await newRunner(ports()).runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream])).toMatchObject([{ text: 'b', count: 2 }]);
    await expect(ports().rebuilds.rollBack(rebuild)).rejects.toMatchObject({
      code: 'projection.nothing-to-roll-back',
    });
  });

  it('keeps the former table until it is dropped or the next rebuild begins', async () => {
    await newRunner(ports()).runner.runOnce();
    const first = await rebuilt(ports(), noteList);
    expect(first.hasTable).toBe(true);
    const second = await rebuilt(ports(), noteList);
    await expect(ports().rebuilds.rollBack(first)).rejects.toMatchObject({ code: 'projection.nothing-to-roll-back' });
    await ports().rebuilds.drop(second);
    await expect(ports().rebuilds.rollBack(second)).rejects.toMatchObject({ code: 'projection.nothing-to-roll-back' });
    const rebuilds = await ports().rebuilds.list(noteList.name);
    expect(rebuilds.map(({ state, hasTable }) => [state, hasTable])).toEqual([
      ['switched', false],
      ['switched', false],
    ]);
  });
}

function describeObstacles(ports: Ports): void {
  it('begins none beside one that is open, and none of a projection that nobody knows', async () => {
    await expect(ports().rebuilds.begin(noteList, { isShadow: false })).rejects.toMatchObject({
      code: 'projection.unknown',
    });
    await newRunner(ports()).runner.runOnce();
    await ports().rebuilds.begin(noteList, { isShadow: false });
    await expect(ports().rebuilds.begin(noteList, { isShadow: true })).rejects.toMatchObject({
      code: 'projection.rebuild-open',
    });
  });

  it('shows the parked streams of the build, and is not switched with them unless somebody says so', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await write(ports(), tenant, stream, { text: 'fine' });
    await newRunner(ports()).runner.runOnce();
    const failing: Projection = {
      ...noteList,
      schemaVersion: 2,
      apply: () => {
        throw new Error('cannot');
      },
    };
    await ports().rebuilds.begin(failing, { isShadow: false });
    await rebuildersUntil(ports(), [failing], 'compared');
    const [waiting] = await ports().rebuilds.open();
    expect(waiting).toMatchObject({ parked: { 'projection.event-failed': 1 }, comparison: { removed: 1 } });
    const [parked] = await ports().deadLetters.list(tenant, { limit: 10 });
    expect(parked).toMatchObject({ projection: `${noteList.name}~1`, stream: { id: stream.id } });
    expect(await ports().rebuilds.switchOver(waiting!)).toBe(false);

    await ports().rebuilds.approve(waiting!, { isForced: true });
    await rebuildersUntil(ports(), [failing], 'switched');
    expect((await ports().deadLetters.list(tenant, { limit: 10 })).map(({ projection }) => projection)).toEqual([
      noteList.name,
    ]);
  });
}

type RebuildPorts = Pick<RebuildRunnerPorts, 'store' | 'log' | 'signal' | 'rebuilds'>;

/** Rebuilds to the end, as a worker does. */
export async function rebuilt(
  ports: RebuildPorts,
  projection: Projection,
  kind: RebuildKind = { isShadow: false },
): Promise<Rebuild> {
  await ports.rebuilds.begin(projection, kind);
  return rebuildersUntil(ports, [projection], 'switched');
}

async function rebuildersUntil(
  ports: RebuildPorts,
  projections: readonly [Projection],
  state: RebuildState,
): Promise<Rebuild> {
  const stop = new AbortController();
  const worker = rebuilding(ports, projections, stop.signal);
  try {
    return await reached(ports, state, projections[0].name);
  } finally {
    stop.abort();
    await worker;
  }
}

function rebuilding(ports: RebuildPorts, projections: readonly Projection[], stop: AbortSignal): Promise<void> {
  const runnerPorts = {
    ...ports,
    clock: new SystemClock(),
    ids: new SeededIds('follow-ups'),
    timeLimit: new VmTimeLimit(),
    tracer: new MemoryTracer(),
    logger: new MemoryLogger(),
    metrics: new MemoryMetrics(),
  };
  const settings = { owner: crypto.randomUUID(), retryDelayMs: 1, pollIntervalMs: 10 };
  return new RebuildRunner(projections, runnerPorts, settings).run(stop);
}

const reached = (ports: RebuildPorts, state: RebuildState, projection = noteList.name): Promise<Rebuild> =>
  eventually(async () => {
    const [newest] = await ports.rebuilds.list(projection);
    return newest?.state === state && newest;
  });

/** The live projection has come to the end of the log. */
const settled = ({ store, log }: ProjectionStoreUnderTest): Promise<unknown> =>
  eventually(async () => {
    const [{ position: head }, [progress]] = [await log.head(), await store.progress(noteList.name)];
    return progress !== undefined && progress.slices.every(({ position }) => position >= head);
  });
