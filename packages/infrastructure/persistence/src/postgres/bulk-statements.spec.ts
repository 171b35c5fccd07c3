// Many rows are few statements.
import { ProjectionRunner, type Metrics } from '@groundwork/application';
import {
  eventually,
  MemoryLogger,
  MemoryMetrics,
  MemoryTracer,
  newEvent,
  newStream,
  newTenant,
  noteCount,
  noteTypes,
  SeededIds,
  SystemClock,
  VmTimeLimit,
} from '@groundwork/testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { postgresProjectionsUnderTest, type PostgresProjectionsUnderTest } from './postgres-projections-under-test.ts';

const STREAMS = 2_500;
const EVENTS_PER_STREAM = 4;

/** Every statement is measured; here they are counted. */
let statements = 0;
const counting: Metrics = {
  counter: () => ({ add: () => undefined }),
  gauge: () => ({ set: () => undefined }),
  histogram: (name) => ({
    observe: () => {
      if (name === 'db_client_operation_duration_seconds') statements++;
    },
  }),
};

let ports: PostgresProjectionsUnderTest;
beforeAll(async () => {
  ports = await postgresProjectionsUnderTest(noteCount, noteTypes, { metrics: counting });
});
afterAll(() => ports.close());

it('S4-41 10,000 events of 2,500 callers are stored by 40 statements at most, and their rows by 60', async () => {
  const tenant = newTenant();
  statements = 0;
  await Promise.all(
    Array.from({ length: STREAMS }, () => {
      const events = Array.from({ length: EVENTS_PER_STREAM }, () => newEvent('NoteWritten', { text: 'a' }));
      return ports.events.append({ tenant, stream: newStream(), expected: 0, events });
    }),
  );
  expect(statements).toBeLessThanOrEqual(40);

  const runner = new ProjectionRunner(
    noteCount,
    {
      ...ports,
      clock: new SystemClock(),
      ids: new SeededIds(),
      timeLimit: new VmTimeLimit(),
      tracer: new MemoryTracer(),
      logger: new MemoryLogger(),
      metrics: new MemoryMetrics(),
    },
    { owner: 'worker-1' },
  );
  statements = 0;
  await eventually(async () => {
    await runner.runOnce();
    const { rows } = await ports.administrator.query<{ count: number }>(
      'select coalesce(sum(count), 0)::int as count from contract.note',
    );
    return rows[0]!.count === STREAMS * EVENTS_PER_STREAM;
  });
  expect(statements).toBeLessThanOrEqual(60);
});
