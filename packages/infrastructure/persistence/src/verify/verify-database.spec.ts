// Each corruption is planted past Groundwork in a database that the product has filled, and is found by its name.
import { EventTypes, HandlerCalls, ProjectionRunner, type Projection, type Row } from '@groundwork/application';
import { parseTenantId, streamId, type TenantId } from '@groundwork/domain';
import {
  MemoryLogger,
  MemoryMetrics,
  MemoryTracer,
  newCommand,
  newEvent,
  newLoggedEvent,
  SeededIds,
  SystemClock,
  VmTimeLimit,
} from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  postgresProjectionsUnderTest,
  type PostgresProjectionsUnderTest,
} from '../postgres/postgres-projections-under-test.ts';
import { verifyDatabase, type Verification } from './verify-database.ts';

interface NoteData {
  readonly text: string;
  readonly isRemoved?: boolean;
  readonly isPoison?: boolean;
  readonly isEndless?: boolean;
}

const noteList: Projection = {
  name: 'contract.note-list',
  schemaVersion: 1,
  table: {
    schema: 'contract',
    name: 'note',
    columns: { id: 'text', text: 'text', count: 'integer', stream_version: 'bigint' },
    key: 'id',
  },
  eventTypes: ['NoteWritten'],
  keyOf: (event) => event.stream.id,
  streamOf: (id) => streamId('note', id),
  apply: (row: Row | undefined, event) => {
    const { text, isRemoved, isPoison, isEndless } = event.data as NoteData;
    while (isEndless);
    if (isPoison) throw new Error('This note cannot be applied.');
    if (isRemoved) return undefined;
    return { id: event.stream.id, text, count: Number(row?.['count'] ?? 0) + 1, stream_version: event.streamVersion };
  },
};
const types = new EventTypes([{ type: 'NoteWritten', schemaVersion: 1 }]);
const HANDLER_TIMEOUT_MS = 100;
const [acme, zeta] = [parseTenantId('acme'), parseTenantId('zeta')];

let ports: PostgresProjectionsUnderTest;
const plant = (...statements: string[]) => ports.administrator.query(statements.join('; '));

beforeEach(async () => {
  ports = await postgresProjectionsUnderTest(noteList, types);
  await write(acme, 'a', { text: 'one' }, { text: 'two' }, { text: 'three' });
  await write(zeta, 'a', { text: 'theirs' }, { text: 'theirs too' });
  await write(acme, 'b', { text: 'gone', isRemoved: true });
  await write(acme, 'poisoned', { text: 'fine' }, { text: 'poison', isPoison: true }, { text: 'waits' });
  await ranCommand(acme, '3');
  await ports.commands.accept(newCommand({ tenant: acme, orderKeys: ['note/a'] }));
  await project();
});
afterEach(() => ports.close());

async function project(): Promise<void> {
  const [clock, ids, logger, metrics] = [new SystemClock(), new SeededIds(), new MemoryLogger(), new MemoryMetrics()];
  await new ProjectionRunner(
    noteList,
    { ...ports, clock, ids, timeLimit: new VmTimeLimit(), tracer: new MemoryTracer(), logger, metrics },
    { owner: 'worker-1', slices: 2, retryDelayMs: 1, handlerTimeoutMs: HANDLER_TIMEOUT_MS },
  ).runOnce();
}

const write = (tenant: TenantId, id: string, ...notes: readonly NoteData[]) =>
  ports.events.append({
    tenant,
    stream: streamId('note', id),
    expected: 'any',
    events: notes.map((note) => newEvent('NoteWritten', note)),
  });

async function ranCommand(tenant: TenantId, position: string): Promise<void> {
  const consumedBy = { owner: 'api-1', leaseMs: 60_000 };
  const { command } = await ports.commands.accept(newCommand({ tenant, orderKeys: ['note/a'], consumedBy }));
  await ports.commands.complete(command, 'api-1', { position });
}

const handlers = new HandlerCalls(new VmTimeLimit(), HANDLER_TIMEOUT_MS);
const verified = (sampleSize = 100): Promise<Verification> =>
  verifyDatabase(ports.url, { types, projections: [noteList], handlers, sampleSize, onProgress: () => undefined });

/** What is found, as `check: first place`, times how often when it is more than once. */
async function found(): Promise<readonly string[]> {
  const { findings } = await verified();
  for (const { next } of findings) expect(next).toMatch(/\w/);
  return findings.map(({ check, count, places }) => `${check}${count > 1 ? ` ${count} times` : ''}: ${places[0]}`);
}

describe('A verification', () => {
  it('finds nothing in what the product has written, with removed rows, parked streams and open commands', async () => {
    expect(await verified()).toEqual({ events: 9, commands: 2, replayedStreams: 4, notCompared: [], findings: [] });
  });

  it.each([
    [
      'an event deleted in the middle of a stream',
      'delete from groundwork.event where position = 2',
      [
        'position-missing: position 2',
        'version-missing: tenant acme, note/a: version 3 follows 1',
        'row-differs: contract.note-list, tenant acme, a: count',
      ],
    ],
    [
      'a version given twice',
      `alter table groundwork.event drop constraint event_stream_version;
       update groundwork.event set stream_version = 2 where position = 3`,
      [
        'constraint-missing: groundwork.event: event_stream_version',
        'version-twice: tenant acme, note/a: version 2',
        'row-differs: contract.note-list, tenant acme, a: stream_version',
      ],
    ],
    [
      'an event id given twice',
      `alter table groundwork.event drop constraint event_id;
       update groundwork.event set event_id = (select event_id from groundwork.event where position = 1) where position = 2`,
      ['constraint-missing: groundwork.event: event_id', 'event-id-twice: tenant acme, event '],
    ],
    [
      'an event moved to another tenant',
      "update groundwork.event set tenant = 'zeta' where position = 1",
      ["tenant-mixed: position 1: the event is zeta's, its stream acme's"],
    ],
    [
      'a stream given to a tenant that has none',
      "update groundwork.stream set tenant = 'nobody' where tenant = 'zeta'",
      [
        "tenant-mixed 2 times: position 4: the event is zeta's, its stream nobody's",
        'row-tenant-unknown: contract.note-list, tenant zeta',
        'row-without-stream: contract.note-list, tenant zeta, a',
        'row-differs: contract.note-list, tenant nobody, a: is missing',
      ],
    ],
    [
      'a stream deleted under its events',
      "delete from groundwork.stream where tenant = 'zeta'",
      [
        'event-without-stream 2 times: position 4',
        'row-tenant-unknown: contract.note-list, tenant zeta',
        'row-without-stream: contract.note-list, tenant zeta, a',
      ],
    ],
    [
      'a time before the one of the event below',
      "update groundwork.event set recorded_at = recorded_at - interval '1 day' where position = 3",
      ['time-backwards: position 3'],
    ],
    [
      'a payload that is no JSON',
      `update groundwork.event set data = '{"text":' where position = 5`,
      [
        'payload-unreadable: position 5: data of NoteWritten',
        'row-differs: contract.note-list, tenant zeta, a: text, count, stream_version',
      ],
    ],
    [
      'an event of a schema version that nobody knows',
      'update groundwork.event set schema_version = 7 where position = 4',
      ['type-unknown: position 4: NoteWritten, schema version 7'],
    ],
    [
      'a checkpoint ahead of the log',
      'update groundwork.projection_slice set position = 99 where slice = 0',
      ['checkpoint-ahead: contract.note-list, slice 0 at position 99 of 9'],
    ],
    [
      'a slice deleted',
      'delete from groundwork.projection_slice where slice = 1',
      ['slice-missing: contract.note-list has 1 of 2 slices'],
    ],
    [
      'a row of a read model changed',
      "update contract.note set text = 'forged' where tenant = 'acme' and id = 'a'",
      ['row-differs: contract.note-list, tenant acme, a: text'],
    ],
    [
      'a row of a read model deleted',
      "delete from contract.note where tenant = 'acme' and id = 'a'",
      ['row-differs: contract.note-list, tenant acme, a: is missing'],
    ],
    [
      'a row moved to another tenant',
      "update contract.note set tenant = 'zeta' where id = 'poisoned'",
      [
        'row-without-stream: contract.note-list, tenant zeta, poisoned',
        'row-differs: contract.note-list, tenant acme, poisoned: is missing',
      ],
    ],
    [
      'a row of a tenant that has no events',
      "insert into contract.note (tenant, id, text) values ('foreign', 'a', 'x')",
      [
        'row-tenant-unknown: contract.note-list, tenant foreign',
        'row-without-stream: contract.note-list, tenant foreign, a',
      ],
    ],
    [
      'a result that names an event which is not there',
      `update groundwork.command set result = '{"position":"77"}' where status = 'processed'`,
      ['result-dangling: tenant acme, command '],
    ],
    [
      'a result that is no JSON',
      `update groundwork.command set result = 'done' where status = 'processed'`,
      ['command-unreadable: tenant acme, command '],
    ],
    [
      'an order key of an open command deleted, and one left behind',
      `delete from groundwork.command_key;
       insert into groundwork.command_key select tenant, 'note/b', acceptance from groundwork.command where status = 'processed'`,
      ['order-key-left-behind: tenant acme, key note/b', 'order-key-missing: tenant acme, command '],
    ],
    [
      'a parked stream whose event is not there',
      'update groundwork.parked_stream set event_id = gen_random_uuid()',
      ['parked-stream-dangling: contract.note-list, tenant acme, note/poisoned'],
    ],
    [
      'the state of an aggregate that is newer than its events',
      `insert into groundwork.aggregate_state (tenant, type, id, stream_version, state) values ('acme', 'note', 'a', 4, '{}')`,
      ['aggregate-ahead: tenant acme, note/a at version 4'],
    ],
    [
      'a column of a read model dropped',
      'alter table contract.note drop column count',
      ['table-differs: contract.note-list: column "count" does not exist'],
    ],
  ])('finds %s, and nothing else', async (_what, statements, expected) => {
    await plant(statements);
    const places = await found();
    expect(places).toEqual(expected.map((place) => expect.stringContaining(place)));
  });

  it('tells which read models it did not compare, and why', async () => {
    await plant('update groundwork.projection set schema_version = 2');
    expect((await verified()).notCompared).toEqual([
      { projection: noteList.name, reason: 'it is stored under schema version 2, this program has 1' },
    ]);
  });

  it('comes to its end behind an event whose handler does not, and which an operator has discarded', async () => {
    await write(acme, 'endless', { text: 'before' }, { text: 'hangs', isEndless: true }, { text: 'behind' });
    await project();
    const parked = await ports.deadLetters.list(acme, { limit: 10 });
    const { id } = parked.find(({ stream }) => stream.id === 'endless')!;
    await ports.deadLetters.decide(acme, id, 'discard');
    await project();
    expect(await found()).toEqual([]);
    await plant("update contract.note set text = 'forged' where id = 'endless'");
    expect(await found()).toEqual(['row-differs: contract.note-list, tenant acme, endless: text']);
  });

  it('replays no more streams than it is asked for, and names no place more than five times', async () => {
    await plant('delete from contract.note', 'update groundwork.event set metadata = data || data');
    const { replayedStreams, findings } = await verified(2);
    expect(replayedStreams).toBeLessThanOrEqual(2);
    expect(findings.find(({ check }) => check === 'payload-unreadable')).toMatchObject({
      count: 9,
      places: [1, 2, 3, 4, 5].map((position) => `position ${position}: metadata of NoteWritten`),
    });
  });

  it('shows no payload, not even of one that cannot be read', async () => {
    await plant(`update groundwork.event set data = 'secret'`, `update contract.note set text = 'secret'`);
    expect(JSON.stringify(await verified())).not.toContain('secret');
  });

  it('is refused to a login that does not see the rows of all tenants', async () => {
    const url = new URL(ports.url);
    const login = `viewer_${newLoggedEvent().tenant.slice(-8)}`.replaceAll('-', '_');
    await plant(`create role ${login} login password 'viewer' in role groundwork_app`);
    [url.username, url.password] = [login, 'viewer'];
    const refused = verifyDatabase(url.href, {
      types,
      projections: [],
      handlers,
      sampleSize: 0,
      onProgress: () => undefined,
    });
    await expect(refused).rejects.toMatchObject({ code: 'database.setup-needed' });
    await plant(`drop role ${login}`);
  });
});
