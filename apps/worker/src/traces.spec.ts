// What a tracing SDK in the process sees of a worker: from the command to the batch in which its events took effect.
import {
  CommandHandler,
  CommandStore,
  eventOfCommand,
  EventStore,
  EventTypeDefinition,
  ExactJson,
  Ids,
  Projection,
  ProjectionStore,
  RoleDefinition,
  type CommandContext,
} from '@groundwork/application';
import { compose, ManagementServer, platformModules, readSettings, type App } from '@groundwork/configuration';
import { parseTenantId, streamId, type TenantId } from '@groundwork/domain';
import { eventually, testDatabase, type TestDatabase } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { ContainerModule } from 'inversify';
import { Client } from 'pg';
import { z } from 'zod';
import { workerModule } from './worker.module.ts';
import { Worker } from './worker.ts';

const TENANTS = ['north', 'south'].map(parseTenantId);
const LIST = 'kilns.lit-kilns';

const kilnModule = new ContainerModule(({ bind }) => {
  bind<EventTypeDefinition>(EventTypeDefinition).toConstantValue({ type: 'KilnLit', schemaVersion: 1 });
  bind<RoleDefinition>(RoleDefinition).toConstantValue({ role: 'potter', permissions: ['kilns:light'] });
  bind(CommandHandler).toResolvedValue(
    (events: EventStore) => ({
      type: 'kilns.light-kiln',
      permission: 'kilns:light',
      schema: z.object({}),
      handle: async (_: unknown, command: CommandContext) => {
        const event = eventOfCommand({ type: 'KilnLit', data: {} }, 0, command);
        await events.append({
          tenant: command.tenant,
          stream: streamId('kiln', 'one'),
          expected: 'any',
          events: [event],
        });
        return {};
      },
    }),
    [EventStore],
  );
  bind<Projection>(Projection).toConstantValue({
    name: LIST,
    schemaVersion: 1,
    table: { schema: 'kilns', name: 'lit_kiln', columns: { kiln: 'text' }, key: 'kiln' },
    eventTypes: ['KilnLit'],
    keyOf: (event) => event.stream.id,
    apply: (_row, event) => ({ kiln: event.stream.id }),
  });
});

async function kilnDatabase(): Promise<TestDatabase> {
  const database = await testDatabase();
  const administrator = new Client({ connectionString: database.url });
  await administrator.connect();
  await administrator.query(LIT_KILNS);
  await administrator.end();
  return database;
}

const LIT_KILNS = `
  create schema kilns authorization groundwork_owner;
  set role groundwork_owner;
  create table kilns.lit_kiln (tenant text not null, kiln text, primary key (tenant, kiln));
  alter table kilns.lit_kiln enable row level security, force row level security;
  create policy own_tenant on kilns.lit_kiln to groundwork_app
    using (tenant = nullif(current_setting('groundwork.tenant', true), ''))
    with check (tenant = nullif(current_setting('groundwork.tenant', true), ''));
  grant usage on schema kilns to groundwork_app;
  grant select on kilns.lit_kiln to groundwork_app;
  grant insert, update, delete on kilns.lit_kiln to groundwork_worker;
  reset role`;

describe.each(['memory', 'PostgreSQL'])('the traces of a worker on %s', (store) => {
  const exporter = new InMemorySpanExporter();
  let database: TestDatabase | undefined;
  let app: App;
  beforeAll(async () => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
    if (store === 'PostgreSQL') database = await kilnDatabase();
    const settings = readSettings({
      ...(database === undefined ? { GW_STORE: 'memory' } : { DATABASE_URL: database.url }),
      LOG_LEVEL: 'error',
      MANAGEMENT_PORT: '0',
      GW_WORKER_SLICES: '1',
    });
    app = await compose({
      program: 'worker',
      modules: [...platformModules(settings, 'worker'), kilnModule, workerModule(settings)],
      roots: [Worker, ManagementServer],
    });
  });
  afterAll(async () => {
    await app.get(Worker).stop();
    await app[Symbol.asyncDispose]();
    await database?.drop();
    trace.disable();
    context.disable();
  });

  async function lightKiln(tenant: TenantId): Promise<void> {
    await app.get(CommandStore).accept({
      id: app.get(Ids).next(),
      tenant,
      type: 'kilns.light-kiln',
      payload: new ExactJson('{}'),
      orderKeys: [],
      idempotencyKey: undefined,
      fingerprint: 'f',
      actor: { subject: 'potter', permissions: ['kilns:light'] },
      correlationId: 'c-1',
    });
  }
  const spans = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name);

  it('S1-22 hold a span for each batch with projection, event types, tenants and positions, linked to the appends', async () => {
    await app.get(ProjectionStore).register(app.getAll(Projection)[0]!, 1);
    await app.get(ProjectionStore).setState(LIST, 'paused');
    app.get(Worker).start();
    for (const tenant of TENANTS) await lightKiln(tenant);
    const commands = await eventually(() => {
      const ended = spans('command kilns.light-kiln');
      return ended.length === TENANTS.length && ended;
    });
    expect(spans(`projection ${LIST}`)).toEqual([]);

    await app.get(ProjectionStore).setState(LIST, 'running');
    const [batch, ...others] = await eventually(() => {
      const ended = spans(`projection ${LIST}`);
      return ended.length > 0 && ended;
    });
    expect(others).toEqual([]);
    expect(batch!.attributes).toMatchObject({
      'groundwork.projection': LIST,
      'groundwork.event.count': 2,
      'groundwork.event.types': ['KilnLit'],
      'groundwork.tenants': expect.arrayContaining([...TENANTS]),
      'groundwork.position.first': 1,
      'groundwork.position.last': 2,
    });
    const traces = commands.map((command) => command.spanContext().traceId);
    expect(new Set(batch!.links.map((link) => link.context.traceId))).toEqual(new Set(traces));
    expect(traces).not.toContain(batch!.spanContext().traceId);
  });
});
