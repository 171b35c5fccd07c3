// How a projection follows the log, is measured against it, and begins anew.
import { describe, expect, it } from '@jest/globals';
import { waitForPosition, type ProjectionStore } from '@groundwork/application';
import { eventually } from '../eventually.ts';
import { newEvent, newStream, newTenant } from '../new-event.ts';
import { noteList, type ProjectionStoreUnderTest } from './projection-fixture.ts';
import { rebuilt } from './rebuilding.ts';
import { newRunner, notesOf, OWNER, write } from './runner-under-test.ts';

const LABELS = { projection: noteList.name };

export function describeFollowing(ports: () => ProjectionStoreUnderTest): void {
  describe('following the log', () => {
    describeApplying(ports);
    describeOutdated(ports);
    describeMeasuring(ports);
    describeRebuilding(ports);
  });
}

function describeApplying(ports: () => ProjectionStoreUnderTest): void {
  it('applies every event once and in order, whatever the size of its batches', async () => {
    const [tenant, other, streams] = [newTenant(), newTenant(), Array.from({ length: 6 }, () => newStream())];
    for (let round = 1; round <= 4; round++) {
      for (const stream of streams) await write(ports(), tenant, stream, { text: `round ${round}` });
    }
    await write(ports(), other, streams[0]!, { text: 'theirs' });
    const { runner } = newRunner(ports(), noteList, { batchSizeMax: 5 });
    await runner.runOnce();

    for (const note of await notesOf(ports(), tenant, streams))
      expect(note).toEqual({ text: 'round 4', count: 4, streamVersion: 4 });
    expect(await notesOf(ports(), other, streams.slice(0, 2))).toEqual([
      { text: 'theirs', count: 1, streamVersion: 1 },
      undefined,
    ]);
  });

  it('moves on past events of other types', async () => {
    await ports().events.append({
      tenant: newTenant(),
      stream: newStream(),
      expected: 0,
      events: [newEvent('NoteFiled', {}), newEvent('NoteFiled', {})],
    });
    await newRunner(ports()).runner.runOnce();
    const [progress] = await ports().store.progress(noteList.name);
    expect(progress!.slices.map(({ position }) => position)).toEqual([2n, 2n]);
  });

  it('removes the row when the projection says so, and begins a new one behind it', async () => {
    const [tenant, stream, { runner }] = [newTenant(), newStream(), newRunner(ports())];
    await write(ports(), tenant, stream, { text: 'a' }, { text: 'b', isRemoved: true });
    await runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream])).toEqual([undefined]);
    await write(ports(), tenant, stream, { text: 'c' });
    await runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream])).toEqual([{ text: 'c', count: 1, streamVersion: 3 }]);
  });

  it('S3-22 changes nothing with an event that the row has seen already', async () => {
    const [tenant, stream, { runner }] = [newTenant(), newStream(), newRunner(ports())];
    await runner.runOnce();
    const slices = await ports().store.lease(noteList, OWNER, 60_000, 10);
    const seen = { id: stream.id, text: 'seen', count: 2, size: 1, stream_version: 2 };
    await ports().store.advance(noteList, slices[0]!, slices[0]!.position, (tx) => tx.store(tenant, [seen], []));
    await write(ports(), tenant, stream, { text: 'one' }, { text: 'two' }, { text: 'three' });
    await runner.runOnce();
    expect(await notesOf(ports(), tenant, [stream])).toEqual([{ text: 'three', count: 3, streamVersion: 3 }]);
  });

  it('follows a growing log until it is stopped, then gives its slices free', async () => {
    const [tenant, stream, stop] = [newTenant(), newStream(), new AbortController()];
    const { runner } = newRunner(ports(), noteList, { pollIntervalMs: 10_000 });
    const running = runner.run(stop.signal);
    let last = 0n;
    for (let n = 1; n <= 20; n++) ({ position: last } = await write(ports(), tenant, stream, { text: `${n}` }));
    const { store } = ports();
    const wanted = { projection: noteList.name, position: last, timeoutMs: 20_000 };
    await waitForPosition(wanted, { projections: store });
    stop.abort();
    await running;

    expect(runner.lastBeatAt).toBeInstanceOf(Date);
    expect(await store.lease(noteList, OWNER, 60_000, 10)).toHaveLength(2);
    expect(await notesOf(ports(), tenant, [stream])).toEqual([{ text: '20', count: 20, streamVersion: 20 }]);
  });
}

function describeOutdated(ports: () => ProjectionStoreUnderTest): void {
  it('stands still under another schema version, and says so once', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await newRunner(ports()).runner.runOnce();
    await write(ports(), tenant, stream, { text: 'new' });
    const next = { ...noteList, schemaVersion: 2 };
    const { runner, logger } = newRunner(ports(), next);
    await runner.runOnce();
    await runner.runOnce();
    expect(logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect((await ports().store.progress(noteList.name))[0]!.slices.map(({ position }) => position)).toEqual([0n, 0n]);
  });
}

function describeMeasuring(ports: () => ProjectionStoreUnderTest): void {
  it('tells of every event that it passes, by which request it came about', async () => {
    const [tenant, stream, { runner, logger }] = [newTenant(), newStream(), newRunner(ports())];
    await write(ports(), tenant, stream, { text: 'a' }, { text: 'b' });
    await runner.runOnce();
    const passed = logger.lines.filter(({ message }) => message === 'The projection has passed an event.');
    const correlated = { projection: noteList.name, eventType: 'NoteWritten', correlationId: 'correlation-1' };
    expect(passed).toMatchObject(
      ['1', '2'].map((position) => ({ level: 'debug', fields: { ...correlated, position } })),
    );
  });

  it('reports position and lag against the end of the log, also while it is paused', async () => {
    const [tenant, { runner, metrics }] = [newTenant(), newRunner(ports())];
    await runner.runOnce();
    await ports().store.setState(noteList.name, 'paused');
    for (let n = 0; n < 3; n++) await write(ports(), tenant, newStream(), { text: 'waiting' });
    await new Promise((resolve) => setTimeout(resolve, 30));
    await runner.runOnce();
    expect(metrics.value('groundwork_projection_lag_events', LABELS)).toBe(3);
    expect(metrics.value('groundwork_projection_lag_seconds', LABELS)).toBeGreaterThan(0);
    expect(metrics.value('groundwork_projection_position', LABELS)).toBe(0);

    await ports().store.setState(noteList.name, 'running');
    await runner.runOnce();
    expect(metrics.value('groundwork_projection_lag_events', LABELS)).toBe(0);
    expect(metrics.value('groundwork_projection_lag_seconds', LABELS)).toBe(0);
    expect(metrics.value('groundwork_projection_position', LABELS)).toBe(3);
    expect(metrics.observed('groundwork_projection_latency_seconds', LABELS)).toHaveLength(3);
  });

  it('measures the lag by the first event of its types, however many others come before it', async () => {
    const [tenant, { runner, metrics }] = [newTenant(), newRunner(ports())];
    await runner.runOnce();
    await ports().store.setState(noteList.name, 'paused');
    const others = Array.from({ length: 300 }, () => newEvent('NoteFiled', {}));
    await ports().events.append({ tenant, stream: newStream(), expected: 0, events: others });
    await runner.runOnce();
    expect(metrics.value('groundwork_projection_lag_seconds', LABELS)).toBe(0);
    expect(metrics.value('groundwork_projection_lag_events', LABELS)).toBe(300);
    await write(ports(), tenant, newStream(), { text: 'waiting' });
    await eventually(async () => {
      await runner.runOnce();
      return metrics.value('groundwork_projection_lag_seconds', LABELS) > 0;
    });
  });

  it('answers that a position is not reached when the time is over', async () => {
    await newRunner(ports()).runner.runOnce();
    const { position } = await write(ports(), newTenant(), newStream(), { text: 'late' });
    const wanted = { projection: noteList.name, position, timeoutMs: 30 };
    const wait = waitForPosition(wanted, { projections: ports().store });
    await expect(wait).rejects.toMatchObject({ code: 'query.position-not-reached' });
  });

  it('asks for a position no more often for a hundred who wait than for one, however fast the log grows', async () => {
    await newRunner(ports()).runner.runOnce();
    const { store } = ports();
    let asked = 0;
    const counted: Pick<ProjectionStore, 'progress'> = {
      progress: (projection) => {
        asked++;
        return store.progress(projection);
      },
    };
    const wanted = { projection: noteList.name, position: 2n ** 40n, timeoutMs: 200 };
    const projections = counted as ProjectionStore;
    const waits = Promise.allSettled(Array.from({ length: 100 }, () => waitForPosition(wanted, { projections })));
    for (let n = 0; n < 50; n++) await write(ports(), newTenant(), newStream(), { text: 'grown' });
    expect((await waits).every(({ status }) => status === 'rejected')).toBe(true);
    // Every 25 ms: eight looks in the time, one before and the last ones behind it.
    expect(asked).toBeLessThanOrEqual(12);
  });
}

function describeRebuilding(ports: () => ProjectionStoreUnderTest): void {
  it('gives the identical rows after a rebuild from the beginning', async () => {
    const [tenant, streams] = [newTenant(), Array.from({ length: 5 }, () => newStream())];
    for (const [index, stream] of streams.entries()) {
      await write(ports(), tenant, stream, { text: 'first' }, { text: `last ${index}`, isRemoved: index === 3 });
    }
    const { runner, metrics } = newRunner(ports());
    await runner.runOnce();
    const before = await notesOf(ports(), tenant, streams);

    const { comparison } = await rebuilt(ports(), noteList);
    expect(comparison).toEqual({ rows: 4, added: 0, removed: 0, changed: 0, changedColumns: {} });
    await runner.runOnce();
    expect(await notesOf(ports(), tenant, streams)).toEqual(before);
    expect(metrics.observed('groundwork_projection_latency_seconds', LABELS)).toHaveLength(10);
  });
}
