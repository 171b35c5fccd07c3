// A tenant goes from one database to another with everything that is its own, and leaves nothing behind.
import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventTypes, ExactJson, HandlerCalls, ProjectionRunner, type Projection } from '@groundwork/application';
import type { TenantId } from '@groundwork/domain';
import {
  collected,
  MemoryLogger,
  MemoryMetrics,
  MemoryTracer,
  newCommand,
  newEvent,
  newStream,
  newTenant,
  SeededIds,
  SystemClock,
  VmTimeLimit,
} from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  postgresProjectionsUnderTest,
  type PostgresProjectionsUnderTest,
} from '../postgres/postgres-projections-under-test.ts';
import { verifyDatabase } from '../verify/verify-database.ts';
import { exportTenant } from './export-tenant.ts';
import { importTenant } from './import-tenant.ts';
import { dropTenant, INSTALLATION_EVENT_TYPES, listDroppedTenants, listTenants } from './tenants.ts';

const types = new EventTypes([{ type: 'NoteWritten', schemaVersion: 1 }, ...INSTALLATION_EVENT_TYPES]);
const noteList: Projection = {
  name: 'contract.note-list',
  schemaVersion: 1,
  table: {
    schema: 'contract',
    name: 'note',
    columns: { id: 'text', text: 'text', stream_version: 'bigint' },
    key: 'id',
  },
  eventTypes: ['NoteWritten'],
  keyOf: (event) => event.stream.id,
  apply: (_row, event) => ({
    id: event.stream.id,
    text: String((event.data as { text: unknown }).text),
    stream_version: event.streamVersion,
  }),
};
// Digits that JavaScript would round, line ends of Unicode that JSON may hold as they are.
const EXACT = '{ "text": "a\u2028b\\n\\"c", "n": 12345678901234567890.10, "m": 1e40 }';

let home: PostgresProjectionsUnderTest;
let folder: string;
let [mine, theirs]: TenantId[] = [];

beforeEach(async () => {
  home = await postgresProjectionsUnderTest(noteList, types);
  folder = await mkdtemp(join(tmpdir(), 'groundwork-tenant-'));
  [mine, theirs] = [newTenant(), newTenant()];
  const shared = newStream();
  for (const tenant of [theirs, mine, mine, theirs]) {
    for (const stream of [shared, newStream()]) await write(home, tenant, stream);
  }
  await project(home);
});
afterEach(async () => {
  await home.close();
  await rm(folder, { recursive: true });
});

const write = (ports: PostgresProjectionsUnderTest, tenant: TenantId, stream = newStream()) =>
  ports.events.append({ tenant, stream, expected: 'any', events: [newEvent('NoteWritten', new ExactJson(EXACT))] });

async function project(ports: PostgresProjectionsUnderTest, owner = 'worker'): Promise<void> {
  const all = {
    ...ports,
    clock: new SystemClock(),
    ids: new SeededIds(),
    timeLimit: new VmTimeLimit(),
    tracer: new MemoryTracer(),
    logger: new MemoryLogger(),
    metrics: new MemoryMetrics(),
  };
  const runner = new ProjectionRunner(noteList, all, { owner, slices: 2 });
  while (await runner.runOnce());
  await ports.store.releaseAll(owner);
}

const rows = async (ports: PostgresProjectionsUnderTest, sql: string, ...values: unknown[]): Promise<unknown[]> =>
  (await ports.administrator.query(sql, values)).rows;
const readModel = (ports: PostgresProjectionsUnderTest): Promise<unknown[]> =>
  rows(ports, 'select * from contract.note where tenant = $1 order by id', mine);
/** What `gw verify` finds. */
async function findings({ url }: PostgresProjectionsUnderTest): Promise<readonly string[]> {
  const handlers = new HandlerCalls(new VmTimeLimit(), 500);
  const options = { types, projections: [noteList], handlers, sampleSize: 100, onProgress: () => undefined };
  return (await verifyDatabase(url, options)).findings.map(({ check }) => check);
}
/** Everything of an event but its place in the whole log. */
const events = (ports: PostgresProjectionsUnderTest): Promise<unknown[]> =>
  rows(
    ports,
    `select s.type as stream_type, s.id as stream, e.stream_version, e.event_id, e.type, e.schema_version, e.source,
            e.occurred_at, e.recorded_at, e.correlation_id, e.metadata, e.validation, e.data
       from groundwork.event e join groundwork.stream s using (stream_id) where e.tenant = $1 order by e.position`,
    mine!,
  );

describe('A tenant that moves', () => {
  let elsewhere: PostgresProjectionsUnderTest;
  beforeEach(async () => {
    elsewhere = await postgresProjectionsUnderTest(noteList, types);
  });
  afterEach(() => elsewhere.close());

  it('has the same events, commands and read models there, behind what is there already', async () => {
    const appended = await write(home, mine!);
    await project(home);
    const done = newCommand({ tenant: mine!, orderKeys: ['a'], consumedBy: { owner: 'api', leaseMs: 60_000 } });
    const { command } = await home.commands.accept(done);
    const result = { position: String(appended.position), streamVersion: 1 };
    await home.commands.complete(command, 'api', result);
    const open = newCommand({ tenant: mine!, orderKeys: ['a'], payload: new ExactJson(EXACT) });
    await home.commands.accept({ ...open, consumedBy: { owner: 'api', leaseMs: 60_000 } });
    for (let n = 0; n < 3; n++) await write(elsewhere, newTenant());

    const manifest = await exportTenant(home.url, mine!, folder);
    expect(manifest.tables.find(({ table }) => table === 'groundwork.event')).toMatchObject({ rows: 5 });
    expect(manifest.tables.find(({ table }) => table === 'contract.note')).toMatchObject({
      rows: 4,
      isReadModel: true,
    });
    await importTenant(elsewhere.url, folder, 'ada');
    await project(elsewhere);

    expect(await events(elsewhere)).toEqual(await events(home));
    expect(await readModel(elsewhere)).toEqual(await readModel(home));
    expect(await readModel(elsewhere)).toHaveLength(4);
    const [moved, waiting] = [
      await elsewhere.commands.get(mine!, done.id),
      await elsewhere.commands.get(mine!, open.id),
    ];
    const { position: last } = (await elsewhere.events.query(mine!, { after: 0n, limit: 10 })).at(-1)!;
    expect(moved).toMatchObject({ status: 'processed', result: { position: String(last), streamVersion: 1 } });
    expect(waiting).toMatchObject({ status: 'pending', payload: { text: EXACT } });
    const keys = 'select order_key from groundwork.command_key where tenant = $1';
    expect(await rows(elsewhere, keys, mine)).toEqual([{ order_key: 'a' }]);
    // It goes on there as if it had always been there.
    const [stream] = (await elsewhere.events.query(mine!, { after: 0n, limit: 1 })).map((event) => event.stream);
    expect((await write(elsewhere, mine!, stream)).streamVersion).toBe(3);
    expect(await findings(elsewhere)).toEqual([]);
  });

  it('is refused whole where a file was changed, where it is known, and where its tables are not', async () => {
    await home.administrator.query(
      `insert into groundwork.aggregate_state (tenant, type, id, stream_version, state) values ($1, 'note', 'a', 1, '{}')`,
      [mine],
    );
    await exportTenant(home.url, mine!, folder);
    await expect(importTenant(home.url, folder, 'ada')).rejects.toMatchObject({ code: 'tenant.exists' });
    await elsewhere.administrator.query('drop table groundwork.aggregate_state cascade');
    await expect(importTenant(elsewhere.url, folder, 'ada')).rejects.toMatchObject({ code: 'tenant.table-unknown' });
    await appendFile(join(folder, 'groundwork.event.jsonl'), '\n');
    await expect(importTenant(elsewhere.url, folder, 'ada')).rejects.toMatchObject({ code: 'tenant.export-damaged' });
    await rm(join(folder, 'groundwork.event.jsonl'));
    await expect(importTenant(elsewhere.url, folder, 'ada')).rejects.toMatchObject({ code: 'tenant.export-damaged' });
    expect(await listTenants(elsewhere.url)).toEqual([]);
    expect(await elsewhere.log.head()).toMatchObject({ position: 0n });
  });

  it('is no export before its manifest is written, and none of nobody', async () => {
    await expect(exportTenant(home.url, newTenant(), folder)).rejects.toMatchObject({ code: 'tenant.unknown' });
    await expect(importTenant(elsewhere.url, folder, 'ada')).rejects.toMatchObject({ code: 'tenant.not-an-export' });
    await expect(exportTenant(home.url, mine!, folder)).rejects.toMatchObject({ code: 'tenant.folder-not-empty' });
  });

  it('tells nothing of another tenant in any file', async () => {
    await exportTenant(home.url, mine!, folder);
    const files = await readdir(folder);
    for (const file of files) expect(await readFile(join(folder, file), 'utf8')).not.toContain(theirs);
    expect(files).toContain('manifest.json');
  });

  it('is not exported while a table hides rows from its owner', async () => {
    await home.administrator.query('drop policy owner_all on contract.note');
    await expect(exportTenant(home.url, mine!, folder)).rejects.toMatchObject({ code: 'tenant.table-hidden' });
  });
});

describe('A tenant that is dropped', () => {
  const leftBehind = async (): Promise<unknown[]> => {
    const tables = (await rows(home, 'select name from groundwork.tenant_table')) as { name: string }[];
    const left: unknown[] = [];
    for (const { name } of tables)
      left.push(...(await rows(home, `select '${name}' from ${name} where tenant = $1`, mine)));
    return left;
  };

  it('S1-73 leaves 0 rows in every table, and who did it, when, and how many there were', async () => {
    await home.commands.accept(newCommand({ tenant: mine!, orderKeys: ['a'] }));
    const others = await rows(home, 'select * from groundwork.event where tenant = $1 order by position', theirs);
    expect(await leftBehind()).not.toEqual([]);

    await dropTenant(home.url, mine!, 'ada');

    expect(await leftBehind()).toEqual([]);
    expect(await listDroppedTenants(home.url)).toEqual([
      {
        tenant: mine,
        droppedAt: expect.any(Date),
        droppedBy: 'ada',
        rows: {
          'contract.note': 3,
          'groundwork.command': 1,
          'groundwork.command_key': 1,
          'groundwork.event': 4,
          'groundwork.stream': 3,
        },
      },
    ]);
    expect((await listTenants(home.url)).map(({ tenant }) => tenant)).toEqual([theirs]);
    expect(await rows(home, 'select * from groundwork.event where tenant = $1 order by position', theirs)).toEqual(
      others,
    );
    await expect(dropTenant(home.url, mine!, 'ada')).rejects.toMatchObject({ code: 'tenant.unknown' });
  });

  it('takes no position back: readers and projections behind its last events miss nothing that comes', async () => {
    for (let n = 0; n < 5; n++) await write(home, mine!);
    await project(home);
    const before = await home.log.head();
    await dropTenant(home.url, mine!, 'ada');
    const appended = await write(home, theirs!);
    expect(appended.position).toBeGreaterThan(before.position);

    const page = await home.log.read({ after: before.position, limit: 10, types: ['NoteWritten'] });
    expect(page.events.map(({ position }) => position)).toEqual([appended.position]);
    await project(home, 'another worker');
    const [progress] = await home.store.progress(noteList.name);
    expect(progress!.slices).toMatchObject(Array(2).fill({ position: appended.position, isAheadOfLog: false }));
    const [{ removed, missing }] = (await rows(
      home,
      `select groundwork.removed_event_count()::int as removed,
              (max(position) - count(*))::int as missing from groundwork.event`,
    )) as [{ removed: number; missing: number }];
    expect([removed, missing]).toEqual([9, 9]);
    expect(await findings(home)).toEqual([]);
    await home.administrator.query('delete from groundwork.event where position = 2');
    expect(await findings(home)).toContain('position-missing');
  });

  it('gets no row from a worker that had read its events before', async () => {
    await write(home, mine!);
    const slices = await home.store.lease(noteList, 'slow worker', 60_000, 2);
    await dropTenant(home.url, mine!, 'ada');
    for (const slice of slices) {
      const late = home.store.advance(noteList, slice, slice.position + 1n, (tx) =>
        tx.store(mine!, [{ id: 'late', text: 'x', stream_version: 1n }], []),
      );
      await expect(late).rejects.toMatchObject({ code: 'projection.checkpoint-moved' });
    }
    expect(await leftBehind()).toEqual([]);
  });

  it('can come back from its export', async () => {
    const [before, shown] = [await events(home), await readModel(home)];
    await exportTenant(home.url, mine!, folder);
    await dropTenant(home.url, mine!, 'ada');
    await importTenant(home.url, folder, 'ada');
    await project(home, 'another worker');
    expect([await events(home), await readModel(home)]).toEqual([before, shown]);
    expect(await collected(home.events.readStream(theirs!, newStream()))).toEqual([]);
  });
});
