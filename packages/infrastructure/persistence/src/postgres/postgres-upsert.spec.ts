// What a batch that is one statement costs, and that its rows and its checkpoint are one.
import { ProjectionRunner, type Projection } from '@groundwork/application';
import {
  eventually,
  MemoryLogger,
  MemoryMetrics,
  MemoryTracer,
  newEvent,
  newStream,
  newTenant,
  noteCount,
  noteList,
  noteTypes,
  SeededIds,
  SystemClock,
  VmTimeLimit,
} from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { postgresProjectionsUnderTest, type PostgresProjectionsUnderTest } from './postgres-projections-under-test.ts';

let metrics: MemoryMetrics;
let ports: PostgresProjectionsUnderTest;
beforeEach(async () => {
  metrics = new MemoryMetrics();
  ports = await postgresProjectionsUnderTest(noteList, noteTypes, { metrics });
  await ports.administrator.query('reset role');
});
afterEach(() => ports.close());

const tenant = newTenant();
const runnerOf = (projection: Projection, batchSizeMax: number): ProjectionRunner =>
  new ProjectionRunner(
    projection,
    {
      ...ports,
      clock: new SystemClock(),
      ids: new SeededIds(),
      timeLimit: new VmTimeLimit(),
      tracer: new MemoryTracer(),
      logger: new MemoryLogger(),
      metrics,
    },
    { owner: 'worker-1', slices: 1, batchSizeMax, retryDelayMs: 1 },
  );
const appendNotes = async (count: number): Promise<void> => {
  const events = Array.from({ length: count }, (_, n) => newEvent('NoteWritten', { text: `${n}` }));
  await Promise.all(
    events.map((event) => ports.events.append({ tenant, stream: newStream(), expected: 0, events: [event] })),
  );
};
const ranTimes = (operation: string): number =>
  metrics.observed('db_client_operation_duration_seconds', { operation, outcome: 'ok' }).length;
const stored = async (): Promise<{ rows: number; transactions: number; position: number }> => {
  const { rows } = await ports.administrator.query(
    `select count(*)::int as rows, count(distinct xmin::text)::int as transactions,
            (select position::int from groundwork.projection_slice) as position from contract.note`,
  );
  return rows[0];
};

/** A session other than `than` that has changed something and waits for the administrator's transaction. */
const waitingSession = (than = 0): Promise<number> =>
  eventually(async () => {
    const { rows } = await ports.administrator.query(
      `select waiting.pid from pg_locks waiting join pg_locks own using (pid)
        where waiting.locktype = 'transactionid' and waiting.transactionid = pg_current_xact_id()::xid
          and not waiting.granted and own.locktype = 'transactionid' and own.granted and pid <> $1`,
      [than],
    );
    return rows[0]?.pid as number | undefined;
  });

describe('A batch of events', () => {
  it('S1-20 is one statement, as many transactions as there are batches of the size that is set', async () => {
    await appendNotes(120);
    await runnerOf(noteCount, 40).runOnce();
    expect(await stored()).toEqual({ rows: 120, transactions: 3, position: 120 });
    expect(ranTimes('upsert contract.note-list')).toBe(3);
    // That of the registration.
    expect(ranTimes('begin')).toBe(1);
  });

  it('S1-20 is one transaction also when its rows are loaded, folded and stored', async () => {
    await appendNotes(120);
    await runnerOf(noteList, 30).runOnce();
    expect(await stored()).toEqual({ rows: 120, transactions: 4, position: 120 });
    expect(ranTimes('commit')).toBe(ranTimes('begin'));
    expect(ranTimes('store "contract"."note"')).toBe(4);
  });

  it('S1-20 leaves neither rows nor checkpoint behind when its session ends between the two', async () => {
    await appendNotes(10);
    await runnerOf(noteCount, 40).runOnce();
    await appendNotes(10);
    const { administrator } = ports;
    const [last] = (await ports.events.query(tenant, { after: 19n, limit: 1 }))!;
    await administrator.query('begin');
    await administrator.query(`insert into contract.note (tenant, id) values ($1, $2)`, [tenant, last!.stream.id]);

    const running = runnerOf(noteCount, 40).runOnce();
    const killed = await waitingSession();
    await administrator.query('select pg_terminate_backend($1)', [killed]);
    await waitingSession(killed);
    // The row that is in the way is seen by its own transaction only.
    expect(await stored()).toMatchObject({ rows: 10 + 1, position: 10 });

    await administrator.query('rollback');
    await running;
    expect(await stored()).toMatchObject({ rows: 20, position: 20 });
  });
});
