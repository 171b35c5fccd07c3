// A log that no ANALYZE has seen, as every new one is: its statements are planned without statistics.
import { EventTypes } from '@groundwork/application';
import { parseTenantId, streamId } from '@groundwork/domain';
import { collected, newEvent } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { appendBatch } from './append-statement.ts';
import type { Database, RunStatement, Statement } from './database.ts';
import { prepareAppend } from './postgres-event-store.ts';
import { postgresUnderTest, type PostgresUnderTest, type Stores } from './postgres-under-test.ts';

const EVENTS = 20_000;
const STREAMS = 2_000;
// From the sixth on PostgreSQL may plan a prepared statement once for all.
const CALLS = 12;
/** Further than that nothing is read from one end to the other: tables of one row are. */
const ROWS_READ_MAX = 100;

const definitions = [{ type: 'NoteWritten', schemaVersion: 1 }];
const types = new EventTypes(definitions);
const tenant = parseTenantId('acme');
const nameOf = (n: number) => streamId('note', `note-${n}`);

interface Reads {
  readonly table: string;
  readonly read: number;
  readonly looked: number;
}

let postgres: PostgresUnderTest;
/** Their one session each has planned all statements when there was no event. */
let known: Stores;
beforeAll(async () => {
  postgres = await postgresUnderTest(() => ({ poolSizeMax: 2 }));
  await postgres.administrator.query(`
    alter table groundwork.event set (autovacuum_enabled = false);
    alter table groundwork.stream set (autovacuum_enabled = false)`);
  known = postgres.stores(definitions);
  for (const use of [append, readStreams, readLog]) await use(known);
  await postgres.administrator.query('truncate groundwork.event, groundwork.stream restart identity');
  await postgres.administrator.query(STREAMS_FILLED, [tenant, STREAMS]);
  await postgres.administrator.query(EVENTS_FILLED, [tenant, EVENTS, STREAMS]);
}, 30_000);
afterAll(() => postgres.close());

const STREAMS_FILLED = `
  insert into groundwork.stream (tenant, type, id) select $1, 'note', 'note-' || n from generate_series(1, $2::int) n`;

const EVENTS_FILLED = `
  insert into groundwork.event (position, stream_id, stream_version, tenant, event_id, type, schema_version, source,
                                occurred_at, recorded_at, correlation_id, metadata, data)
    select p, 1 + (p - 1) % $3::int, 1 + (p - 1) / $3::int, $1, gen_random_uuid(), 'NoteWritten', 1, 'api', now(), now(),
           'c-1', '{"actor":"ada","correlationId":"c-1"}', '{"text":"a note of some words"}'
      from generate_series(1, $2::int) p`;

/** Batches of appends to streams that are there and to new ones. */
async function append({ app }: Stores, from = 0): Promise<readonly Reads[]> {
  return readsOf(app, async (query) => {
    for (let n = 0; n < CALLS; n++) {
      const batch = [nameOf(from + 1 + n), streamId('note', `new-${from}-${n}`)].map((stream) =>
        prepareAppend({ tenant, stream, expected: 'any', events: [newEvent('NoteWritten', { text: 'b' })] }, types),
      );
      const { verdicts } = await appendBatch(query, batch, false);
      expect(verdicts.map(({ verdict }) => verdict)).toEqual([0, 0]);
    }
  });
}

const readStreams = async (stores: Stores): Promise<readonly Reads[]> =>
  readsOf(stores.app, repeated(await sentBy(stores.app, () => collected(stores.events.readStream(tenant, nameOf(7))))));

const readLog = async (stores: Stores): Promise<readonly Reads[]> =>
  readsOf(
    stores.worker,
    repeated(
      await sentBy(stores.worker, () =>
        stores.log.read({
          after: BigInt(EVENTS / 2),
          limit: 50,
          types: ['NoteWritten'],
          slices: { of: [1, 2], count: 4 },
        }),
      ),
    ),
  );

/** The statement with which the product asks. */
async function sentBy(database: Database, ask: () => Promise<unknown>): Promise<Statement> {
  const sent = jest.spyOn(database, 'query');
  await ask();
  const [statement] = sent.mock.calls.map(([each]) => each).filter(({ name }) => name.startsWith('read_'));
  sent.mockRestore();
  return statement!;
}

const repeated = (statement: Statement) => async (query: RunStatement) => {
  for (let n = 0; n < CALLS; n++) await query(statement);
};

/** What the work has read of the log: row by row from one end to the other, and through an index. */
async function readsOf(database: Database, work: (query: RunStatement) => Promise<void>): Promise<readonly Reads[]> {
  return database.transaction(tenant, async ({ query }) => {
    await work(query);
    return query<Reads & Record<string, unknown>>({
      name: 'reads',
      text: `select relname as "table", seq_tup_read::int as read, idx_scan::int as looked
               from pg_stat_xact_user_tables where schemaname = 'groundwork' and seq_tup_read + idx_scan > 0`,
    });
  });
}

describe.each([
  ['sessions that knew it empty', () => known, 100],
  ['new sessions', () => postgres.stores(definitions), 200],
] as const)('a log of 20,000 events that was never analysed, for %s,', (_, stores, from) => {
  it.each([
    ['appends', (of: Stores) => append(of, from), ['event', 'stream']],
    ['loads', readStreams, ['event', 'stream']],
    ['subscriptions', readLog, ['event']],
  ] as const)('serves %s through its indexes', async (_what, use, tables) => {
    const reads = await use(stores());
    for (const table of tables) expect(reads.find((each) => each.table === table)?.looked).toBeGreaterThan(0);
    expect(reads.filter(({ read }) => read > ROWS_READ_MAX)).toEqual([]);
    const { rows } = await postgres.administrator.query(
      `select relname from pg_stat_user_tables
        where schemaname = 'groundwork' and relname in ('event', 'stream')
          and (last_analyze is not null or last_autoanalyze is not null)`,
    );
    expect(rows).toEqual([]);
  });
});

it('compiles no statement, however dear the planner takes one to be on such a log', async () => {
  for (const database of [postgres.connect('groundwork_app'), postgres.connect('groundwork_worker')]) {
    expect(await database.query({ name: 'jit', text: `select current_setting('jit') as jit` })).toEqual([{ jit: 'off' }]);
  }
});
