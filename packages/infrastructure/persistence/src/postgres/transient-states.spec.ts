// Which errors of PostgreSQL park a stream, raised by the table of the read model itself.
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
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { postgresProjectionsUnderTest, type PostgresProjectionsUnderTest } from './postgres-projections-under-test.ts';

const ATTEMPTS_MAX = 3;
const PASSING = {
  serialization_failure: '40001',
  deadlock_detected: '40P01',
  disk_full: '53100',
  out_of_memory: '53200',
  too_many_connections: '53300',
  lock_not_available: '55P03',
  query_canceled: '57014',
  admin_shutdown: '57P01',
  cannot_connect_now: '57P03',
  io_error: '58030',
  connection_failure: '08006',
  read_only_sql_transaction: '25006',
};
const LASTING = { numeric_value_out_of_range: '22003', check_violation: '23514', program_limit_exceeded: '54000' };

// Everybody who writes a note meets the fault that is set.
const FAULTY = `
  create table contract.fault (state text);
  create function contract.meet_fault() returns trigger language plpgsql security definer
    set search_path = contract, pg_temp as $$
  declare fault_state text;
  begin
    select state into fault_state from contract.fault;
    if found then raise exception 'made up' using errcode = fault_state; end if;
    return new;
  end $$;
  create trigger meet_fault before insert or update on contract.note for each row execute function contract.meet_fault();`;

let ports: PostgresProjectionsUnderTest;
beforeEach(async () => {
  ports = await postgresProjectionsUnderTest(noteList, noteTypes);
  await ports.administrator.query(FAULTY);
});
afterEach(() => ports.close());

const tenant = newTenant();
const parked = () => ports.deadLetters.list(tenant, { limit: 100 });
const setFault = async (state?: string): Promise<void> => {
  await ports.administrator.query('delete from contract.fault');
  if (state !== undefined) await ports.administrator.query('insert into contract.fault values ($1)', [state]);
};
const write = () =>
  ports.events.append({ tenant, stream: newStream(), expected: 0, events: [newEvent('NoteWritten', { text: 'a' })] });

function newRunner(projection: Projection) {
  const metrics = new MemoryMetrics();
  const runner = new ProjectionRunner(
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
    { owner: 'worker-1', slices: 1, attemptsMax: ATTEMPTS_MAX, retryDelayMs: 1, retryDelayMaxMs: 1 },
  );
  const failures = () => metrics.value('groundwork_projection_retries_total', { projection: projection.name });
  return { runner, failures };
}

it.each([
  ['row by row', noteList],
  ['set-wise', noteCount],
])('errors that pass never park a stream, however often they come, and the others do: %s', async (_, projection) => {
  const { runner, failures } = newRunner(projection);
  for (const [name, state] of Object.entries(PASSING)) {
    await setFault(state);
    await write();
    const before = failures();
    await eventually(async () => {
      await runner.runOnce();
      return failures() - before > ATTEMPTS_MAX;
    });
    expect([name, await parked()]).toEqual([name, []]);
  }
  await setFault();
  await eventually(async () => !(await runner.runOnce()) && (await count()) === Object.keys(PASSING).length);

  for (const state of Object.values(LASTING)) {
    await setFault(state);
    await write();
    await runner.runOnce();
  }
  expect((await parked()).map(({ error }) => error.code)).toEqual(
    Object.keys(LASTING).map(() => 'projection.row-refused'),
  );
});

const count = async (): Promise<number> => {
  const { rows } = await ports.administrator.query('select count(*)::int as count from contract.note');
  return (rows as { count: number }[])[0]!.count;
};
