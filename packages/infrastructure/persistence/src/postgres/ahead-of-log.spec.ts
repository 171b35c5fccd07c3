// A log that was restored to an earlier point than a read model: what was built of it is refused, never skipped.
import { EventTypes, ProjectionRunner, waitForPosition, type Projection } from '@groundwork/application';
import {
  MemoryLogger,
  MemoryMetrics,
  MemoryTracer,
  newEvent,
  newStream,
  newTenant,
  rebuilt,
  SeededIds,
  SystemClock,
  VmTimeLimit,
} from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { postgresProjectionsUnderTest, type PostgresProjectionsUnderTest } from './postgres-projections-under-test.ts';

const noteList: Projection = {
  name: 'contract.note-list',
  schemaVersion: 1,
  table: { schema: 'contract', name: 'note', columns: { id: 'text', text: 'text' }, key: 'id' },
  eventTypes: ['NoteWritten'],
  keyOf: (event) => event.stream.id,
  apply: (_row, event) => ({ id: event.stream.id, text: (event.data as { text: string }).text }),
};
const LABELS = { projection: noteList.name };
const tenant = newTenant();

describe('A projection whose log was restored to an earlier point', () => {
  let ports: PostgresProjectionsUnderTest;
  let runner: ProjectionRunner;
  let logger: MemoryLogger;
  let metrics: MemoryMetrics;

  beforeEach(async () => {
    ports = await postgresProjectionsUnderTest(noteList, new EventTypes([{ type: 'NoteWritten', schemaVersion: 1 }]));
    [logger, metrics] = [new MemoryLogger(), new MemoryMetrics()];
    runner = new ProjectionRunner(
      noteList,
      {
        ...ports,
        clock: new SystemClock(),
        ids: new SeededIds(),
        timeLimit: new VmTimeLimit(),
        tracer: new MemoryTracer(),
        logger,
        metrics,
      },
      { owner: 'worker-1', slices: 1, reportIntervalMs: 0, retryDelayMs: 1 },
    );
    for (const text of ['a', 'b', 'c', 'd', 'e']) await write(text);
    await runner.runOnce();
  });
  afterEach(() => ports.close());

  const write = (text: string) =>
    ports.events.append({ tenant, stream: newStream(), expected: 0, events: [newEvent('NoteWritten', { text })] });
  const restoreTo = (position: number) =>
    ports.administrator.query('delete from groundwork.event where position > $1', [position]);
  const texts = async () =>
    (await ports.administrator.query<{ text: string }>('select text from contract.note order by text')).rows.map(
      ({ text }) => text,
    );
  const slice = async () => (await ports.store.progress(noteList.name))[0]!.slices[0]!;

  it('is refused while the log is shorter, says so once, and is not called level with it', async () => {
    await restoreTo(3);
    await runner.runOnce();
    await runner.runOnce();
    expect(await slice()).toMatchObject({ position: 5n, isAheadOfLog: true });
    expect(logger.lines.filter(({ level }) => level === 'error')).toMatchObject([
      { fields: { code: 'projection.ahead-of-log', error: expect.stringContaining('slice 0 at 5') } },
    ]);
    expect(metrics.value('groundwork_projection_position', LABELS)).toBe(0);
    expect(metrics.value('groundwork_projection_lag_events', LABELS)).toBe(3);
    expect(metrics.value('groundwork_projection_lag_seconds', LABELS)).toBeGreaterThan(0);
    const wanted = { projection: noteList.name, position: 2n, timeoutMs: 0 };
    await expect(waitForPosition(wanted, { projections: ports.store })).rejects.toMatchObject({
      code: 'query.position-not-reached',
    });
  });

  it('is refused also when the log has grown past its checkpoint again: nothing new is skipped', async () => {
    await restoreTo(3);
    for (const text of ['f', 'g', 'h', 'i']) await write(text);
    await runner.runOnce();
    expect(await slice()).toMatchObject({ position: 5n, isAheadOfLog: true });
    expect(await texts()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('cannot move its checkpoint over the other log, whoever tries: the database refuses with the effect', async () => {
    const [held] = await ports.store.lease(noteList, 'worker-1', 60_000, 1);
    await restoreTo(3);
    for (const text of ['f', 'g', 'h']) await write(text);
    const effect = ports.store.advance(noteList, held!, 6n, (tx) => tx.store(tenant, [{ id: 'x', text: 'x' }], []));
    await expect(effect).rejects.toMatchObject({ code: 'projection.ahead-of-log' });
    expect(await texts()).not.toContain('x');
  });

  it('goes on once it is built anew, level with the log that there is', async () => {
    await restoreTo(3);
    for (const text of ['f', 'g', 'h', 'i']) await write(text);
    await runner.runOnce();
    await rebuilt(ports, noteList);
    await runner.runOnce();
    expect(await texts()).toEqual(['a', 'b', 'c', 'f', 'g', 'h', 'i']);
    expect(await slice()).toMatchObject({ position: 7n, isAheadOfLog: false });
    expect(metrics.value('groundwork_projection_lag_events', LABELS)).toBe(0);
  });

  it('goes on untouched where its checkpoint lies before that point', async () => {
    for (const text of ['f', 'g']) await write(text);
    await restoreTo(6);
    await write('h');
    await runner.runOnce();
    expect(await texts()).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'h']);
  });

  it('goes on over places whose events have been taken out since', async () => {
    await write('f');
    await ports.administrator.query('delete from groundwork.event where position = 5');
    await write('g');
    await runner.runOnce();
    expect(await slice()).toMatchObject({ position: 7n, isAheadOfLog: false });
  });
});
