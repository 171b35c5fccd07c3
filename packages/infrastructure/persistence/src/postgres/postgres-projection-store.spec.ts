// The projection store in PostgreSQL keeps the contract of projection stores, and the runner runs on it.
import {
  EventTypes,
  ProjectionRunner,
  rebuildStreamHandler,
  type CommandContext,
  type Projection,
} from '@groundwork/application';
import {
  describeProjectionRunner,
  describeProjectionStore,
  MemoryLogger,
  newEvent,
  newStream,
  newTenant,
  noteList,
  noteTypes,
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

it('rebuilds a stream for each of ten tenants at once over two connections', async () => {
  const ports = await postgresProjectionsUnderTest(noteList, noteTypes, { poolSizeMax: 3, connectTimeoutMs: 2_000 });
  const told: Projection = { ...noteList, streamOf: (id) => ({ type: 'note', id }) };
  const [tenants, stream] = [Array.from({ length: 10 }, () => newTenant()), newStream('note')];
  for (const tenant of tenants) {
    await ports.events.append({ tenant, stream, expected: 0, events: [newEvent('NoteWritten', { text: 'a' })] });
  }
  await ports.store.register(told, 10);
  for (const slice of await ports.store.lease(told, 'worker-1', 60_000, 10)) {
    await ports.store.advance(told, slice, (await ports.log.head()).position, async () => undefined);
  }
  // The worker has gone on since somebody asked how far it is: there is something to read while the slice is held.
  const store = {
    progress: async () => [],
    holdSlice: (...asked: Parameters<typeof ports.store.holdSlice>) => ports.store.holdSlice(...asked),
  };
  const handler = rebuildStreamHandler([told], { ...ports, store, timeLimit: new VmTimeLimit() });
  const rebuilt = await Promise.all(
    tenants.map((tenant) =>
      handler.handle({ projection: told.name, stream: `note/${stream.id}` }, { tenant } as CommandContext, ''),
    ),
  );
  expect(rebuilt).toEqual(tenants.map(() => expect.objectContaining({ rows: 1 })));
  await ports.close();
});
