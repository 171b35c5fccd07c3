// An installation of the product in a database of its own, with a worker in this process, for the specs of `gw`.
import {
  Clock,
  EventLog,
  EventStore,
  Ids,
  LogSignal,
  Projection,
  ProjectionRunner,
  ProjectionStore,
  TimeLimit,
  Tracer,
  type StreamKey,
} from '@groundwork/application';
import { compose, contextModules, platformModules, readSettings, type App } from '@groundwork/configuration';
import { MemoryLogger, MemoryMetrics, newEvent, testDatabase } from '@groundwork/testing';
import { jest } from '@jest/globals';
import { Client } from 'pg';
import { contexts } from './contexts.ts';
import { program } from './program.ts';
import { run } from './run.ts';

export interface Installation extends AsyncDisposable {
  readonly databaseUrl: string;
  readonly worker: App;
  /** Changes of a record, as Salesforce tells of them, in the log. */
  tell(stream: StreamKey, ...changeTypes: readonly (keyof typeof HAPPENINGS)[]): Promise<void>;
  /** Brings every read model level with the log. */
  project(): Promise<void>;
  /** In this process: what is started for it elsewhere is shown by the other specs. */
  gw(...args: readonly string[]): Promise<{ status: number; json: unknown; stderr: string }>;
  /** The rows of the client list. */
  clients(tenant: string): Promise<unknown[]>;
}

const HAPPENINGS = { CREATE: 'ClientCreated', UPDATE: 'ClientUpdated', DELETE: 'ClientDeleted' } as const;

/** `settings` hold for the worker and for each call of `gw`. */
export async function installation(settings: Readonly<Record<string, string>>): Promise<Installation> {
  const database = await testDatabase();
  const env = { ...settings, DATABASE_URL: database.url, LOG_LEVEL: 'error' };
  const read = readSettings(env, contexts);
  const modules = [...platformModules(read, 'worker'), ...contextModules(contexts, read)];
  const worker = await compose({ program: 'worker', modules });
  return {
    databaseUrl: database.url,
    worker,
    tell: (stream, ...changeTypes) => tell(worker, stream, changeTypes),
    project: () => project(worker),
    gw: (...args) => gw(env, args),
    clients: (tenant) => clients(database.url, tenant),
    [Symbol.asyncDispose]: async () => {
      await worker[Symbol.asyncDispose]();
      await database.drop();
    },
  };
}

async function tell(
  app: App,
  { tenant, ...stream }: StreamKey,
  changeTypes: readonly (keyof typeof HAPPENINGS)[],
): Promise<void> {
  for (const changeType of changeTypes) {
    const header = {
      entityName: 'Account',
      recordIds: [stream.id],
      changeType,
      transactionKey: `${tenant}-${stream.id}-${changeType}`,
      sequenceNumber: 1,
      commitTimestamp: 1_778_192_980_000,
      nulledFields: [],
      diffFields: [],
      changedFields: ['Name'],
    };
    const data = { ChangeEventHeader: header, Name: `${tenant} ${changeType}` };
    const events = [newEvent(HAPPENINGS[changeType], data)];
    await app.get(EventStore).append({ tenant: tenant as never, stream: stream as never, expected: 'any', events });
  }
}

async function project(app: App): Promise<void> {
  const ports = {
    store: app.get(ProjectionStore),
    log: app.get(EventLog),
    signal: app.get(LogSignal),
    clock: app.get(Clock),
    ids: app.get(Ids),
    timeLimit: app.get(TimeLimit),
    tracer: app.get(Tracer),
    logger: new MemoryLogger(),
    metrics: new MemoryMetrics(),
  };
  for (const projection of app.getAll(Projection)) {
    const runner = new ProjectionRunner(projection, ports, { owner: 'worker' });
    while (await runner.runOnce());
  }
}

async function gw(
  env: Readonly<Record<string, string>>,
  args: readonly string[],
): Promise<{ status: number; json: unknown; stderr: string }> {
  const printed = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    jest.spyOn(process[name], 'write').mockImplementation((text) => {
      printed[name] += String(text);
      return true;
    }),
  );
  const before = { ...process.env };
  Object.assign(process.env, env);
  try {
    const status = await run(program(), [...args, '--json']);
    return { status, json: printed.stdout === '' ? undefined : JSON.parse(printed.stdout), stderr: printed.stderr };
  } finally {
    for (const name of Object.keys(env)) delete process.env[name];
    Object.assign(process.env, before);
    for (const spy of spies) spy.mockRestore();
  }
}

async function clients(databaseUrl: string, tenant: string): Promise<unknown[]> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const all = 'select to_jsonb(c) as row from clients.client c where tenant = $1 order by aggregate_id';
    return (await client.query<{ row: unknown }>(all, [tenant])).rows.map(({ row }) => row);
  } finally {
    await client.end();
  }
}
