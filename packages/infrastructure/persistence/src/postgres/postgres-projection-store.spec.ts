// The projection store in PostgreSQL keeps the contract of projection stores, and the runner runs on it.
import { EventTypes, ProjectionRunner, type Projection } from '@groundwork/application';
import {
  describeProjectionRunner,
  describeProjectionStore,
  MemoryLogger,
  newEvent,
  newStream,
  newTenant,
  SeededIds,
  SystemClock,
  MemoryMetrics,
  MemoryTracer,
  VmTimeLimit,
} from '@groundwork/testing';
import { expect, it } from '@jest/globals';
import { postgresProjectionsUnderTest } from './postgres-projections-under-test.ts';

describeProjectionStore('PostgresProjectionStore', postgresProjectionsUnderTest);
describeProjectionRunner('PostgresProjectionStore', postgresProjectionsUnderTest);

it('parks the stream of an event whose follow-up PostgreSQL refuses, and goes on with the others', async () => {
  const poison: Projection = {
    name: 'contract.note-list',
    schemaVersion: 1,
    table: { schema: 'contract', name: 'note', columns: { id: 'text', text: 'text' }, key: 'id' },
    eventTypes: ['NoteWritten'],
    keyOf: (event) => event.stream.id,
    apply: (_row, event) => ({ id: event.stream.id, text: 'seen' }),
    followUps: {
      permissions: [],
      of: ({ data }) => {
        const { key } = data as { key: string };
        return [{ type: 'notes.announce', payload: {}, orderKeys: [key === 'poison' ? '\u0000' : key] }];
      },
    },
  };
  const ports = await postgresProjectionsUnderTest(poison, new EventTypes([{ type: 'NoteWritten', schemaVersion: 1 }]));
  const [tenant, refused] = [newTenant(), newStream()];
  for (const [stream, key] of [
    [newStream(), 'a'],
    [refused, 'poison'],
    [newStream(), 'b'],
  ] as const) {
    await ports.events.append({ tenant, stream, expected: 0, events: [newEvent('NoteWritten', { key })] });
  }
  const [clock, logger, metrics] = [new SystemClock(), new MemoryLogger(), new MemoryMetrics()];
  const runner = new ProjectionRunner(
    poison,
    {
      ...ports,
      clock,
      logger,
      metrics,
      ids: new SeededIds(),
      timeLimit: new VmTimeLimit(),
      tracer: new MemoryTracer(),
    },
    { owner: 'worker-1', slices: 1, retryDelayMs: 1 },
  );
  await runner.runOnce();
  expect(await ports.deadLetters.list(tenant, { limit: 10 })).toMatchObject([
    { stream: { id: refused.id }, error: { code: 'projection.row-refused' } },
  ]);
  expect((await ports.commands.list(tenant, { limit: 10 })).map(({ orderKeys }) => orderKeys)).toEqual([['b'], ['a']]);
  await ports.close();
});
