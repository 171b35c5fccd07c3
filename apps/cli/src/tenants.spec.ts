// A tenant of the product goes from one installation to another by `gw tenants`.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Clock,
  CommandStore,
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
import {
  MemoryLogger,
  MemoryMetrics,
  newCommand,
  newEvent,
  testDatabase,
  type TestDatabase,
} from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client } from 'pg';
import { contexts } from './contexts.ts';
import { program } from './program.ts';
import { run } from './run.ts';

const CLIENTS = ['001Kz00000BqLmNIAV', '001Kz00000AcMe1IAF'];
const opened = new AsyncDisposableStack();
let folder: string;
let [home, elsewhere]: Installation[] = [];

interface Installation {
  readonly database: TestDatabase;
  readonly worker: App;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'gw-tenants-'));
  opened.defer(() => rmSync(folder, { recursive: true }));
  [home, elsewhere] = [await installation(), await installation()];
  for (const tenant of ['acme', 'rival']) {
    for (const client of CLIENTS) await tell(home.worker, { tenant, type: 'client', id: client });
  }
  await home.worker.get(CommandStore).accept(newCommand({ tenant: 'acme' as never }));
  await project(home.worker);
}, 60_000);
afterAll(() => opened.disposeAsync());

async function installation(): Promise<Installation> {
  const database = await testDatabase();
  opened.defer(() => database.drop());
  const settings = readSettings({ GW_DATA_DIR: folder, DATABASE_URL: database.url, LOG_LEVEL: 'error' }, contexts);
  const modules = [...platformModules(settings, 'worker'), ...contextModules(contexts, settings)];
  return { database, worker: opened.use(await compose({ program: 'worker', modules })) };
}

async function tell(app: App, { tenant, ...stream }: StreamKey): Promise<void> {
  for (const changeType of ['CREATE', 'UPDATE']) {
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
    const event = newEvent(changeType === 'CREATE' ? 'ClientCreated' : 'ClientUpdated', data);
    await app
      .get(EventStore)
      .append({ tenant: tenant as never, stream: stream as never, expected: 'any', events: [event] });
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

/** In this process: what is started for it elsewhere is shown by the other specs. */
async function gw(to: Installation, ...args: string[]): Promise<{ status: number; json: unknown; stderr: string }> {
  const printed = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    jest.spyOn(process[name], 'write').mockImplementation((text) => {
      printed[name] += String(text);
      return true;
    }),
  );
  process.env['DATABASE_URL'] = to.database.url;
  try {
    const status = await run(program(), ['tenants', ...args, '--json']);
    return { status, json: printed.stdout === '' ? undefined : JSON.parse(printed.stdout), stderr: printed.stderr };
  } finally {
    delete process.env['DATABASE_URL'];
    for (const spy of spies) spy.mockRestore();
  }
}

async function clientsOf(from: Installation, tenant: string): Promise<unknown[]> {
  const client = new Client({ connectionString: from.database.url });
  await client.connect();
  try {
    const all = 'select to_jsonb(c) as row from clients.client c where tenant = $1 order by aggregate_id';
    return (await client.query<{ row: unknown }>(all, [tenant])).rows.map(({ row }) => row);
  } finally {
    await client.end();
  }
}

describe('gw tenants', () => {
  it('S1-73 exports a tenant, imports it into an empty instance with identical read models, and drops it', async () => {
    const export_ = join(folder, 'acme');
    const before = await clientsOf(home!, 'acme');
    expect(before).toMatchObject(
      CLIENTS.toSorted().map((id) => ({ aggregate_id: id, name: 'acme UPDATE', stream_version: 2 })),
    );

    const exported = await gw(home!, 'export', 'acme', export_);
    expect(exported).toMatchObject({ status: 0, json: { tenant: 'acme', firstPosition: '1', lastPosition: '4' } });
    expect(await gw(elsewhere!, 'import', export_)).toMatchObject({
      status: 0,
      json: { imported: { 'groundwork.event': 4, 'groundwork.command': 1 } },
    });
    await project(elsewhere!.worker);
    expect(await clientsOf(elsewhere!, 'acme')).toEqual(before);

    expect(await gw(home!, 'drop', 'acme')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('cli.unconfirmed'),
    });
    expect(await clientsOf(home!, 'acme')).toEqual(before);
    expect(await gw(home!, 'drop', 'acme', '--yes', 'acme')).toMatchObject({
      status: 0,
      json: { rows: { 'groundwork.event': 4, 'clients.client': 2, 'groundwork.command': 1 } },
    });
    expect(await clientsOf(home!, 'acme')).toEqual([]);
    expect(await gw(home!, 'list')).toMatchObject({ json: [{ tenant: 'rival', events: 4 }] });
    expect(await gw(home!, 'list', '--dropped')).toMatchObject({
      json: [{ tenant: 'acme', droppedBy: expect.any(String), droppedAt: expect.any(String) }],
    });
    expect(await gw(home!, 'export', 'acme', join(folder, 'gone'))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('tenant.unknown'),
    });
  }, 60_000);
});
