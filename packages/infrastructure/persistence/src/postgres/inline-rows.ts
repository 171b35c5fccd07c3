// The rows of inline projections, stored in the transaction of the append before the log is locked.
import {
  Conflict,
  InlineChange,
  Misconfigured,
  OrderChains,
  PROJECTION_RUNNER_DEFAULTS,
  tableMissing,
  unrecordedEvent,
  type EventTypes,
  type ExpectedVersion,
  type InlineBefore,
  type LoggedEvent,
  type Projection,
  type TimeLimit,
} from '@groundwork/application';
import type { AppendVerdict, PreparedAppend } from './append-queue.ts';
import { BOUND_PAUSE } from './append-statement.ts';
import { codeOf, isDataRefused } from './database-errors.ts';
import type { Database, RunStatement } from './database.ts';
import { eventOf, PAGE_BYTES_MAX, type EventRow } from './event-row.ts';
import { rowRefused } from './postgres-projection-transaction.ts';
import { jsonChunks, loadStatement, nameOf, rowOf, storableRow, storeStatement } from './read-model-statements.ts';

/** An append that stands behind a version, and whether its ids have to be looked up: the version does not tell. */
export interface PlacedAppend {
  readonly append: PreparedAppend;
  readonly checkIds: boolean;
}

/** Stores the append on the connection whose transaction has stored the rows. */
export type StoreAppend = (query: RunStatement, placed: PlacedAppend) => Promise<AppendVerdict>;

const ATTEMPTS_MAX = 10;
const EARLIER_ROWS_MAX = 1_000;
const NOT_PERMITTED = '42501';
const DEADLOCK = '40P01';
/** A table, or its schema. */
const MISSING = ['42P01', '3F000'];

export class InlineProjections {
  readonly #projections: readonly Projection[];
  readonly #types: EventTypes;
  readonly #storedTypes: ReadonlySet<string>;
  readonly #timeLimit: TimeLimit;
  readonly #handlerTimeoutMs: number;
  readonly #chains = new OrderChains<void>();

  constructor(
    projections: readonly Projection[],
    types: EventTypes,
    timeLimit: TimeLimit,
    handlerTimeoutMs = PROJECTION_RUNNER_DEFAULTS.handlerTimeoutMs,
  ) {
    this.#projections = projections.filter(({ isInline }) => isInline === true);
    this.#types = types;
    this.#storedTypes = new Set(this.#projections.flatMap(({ eventTypes }) => types.storedAs(eventTypes)));
    this.#timeLimit = timeLimit;
    this.#handlerTimeoutMs = handlerTimeoutMs;
  }

  /**
   * Rows and events in one transaction: both or neither; undefined when no rows are stored with these events. Whoever
   * does not name a version meets others on the way, and is tried again behind them. Appends of this process to one
   * stream follow each other: those that wait hold no connection.
   */
  append(database: Database, append: PreparedAppend, storeAppend: StoreAppend): Promise<AppendVerdict> | undefined {
    if (!this.#concern(append)) return undefined;
    return new Promise((resolve, reject) => {
      const work = (): Promise<void> => this.#append(database, append, storeAppend).then(resolve, reject);
      void this.#chains.append([append.streamKey], work);
      this.#chains.forgetEnded();
    });
  }

  /**
   * Stores the rows on the connection of a transaction of the tenant; the append as it has to be stored there, or
   * undefined when no rows are stored with these events. What a worker has to sort out is left to it.
   */
  async storeRows(query: RunStatement, prepared: PreparedAppend): Promise<PlacedAppend | undefined> {
    if (!this.#concern(prepared)) return undefined;
    const { append } = prepared;
    const { head, isStored } = await headOf(query, prepared);
    if (isStored || (append.expected === 'stream-exists' && head === 0))
      return { append: prepared, checkIds: isStored };
    const events = this.#unrecorded(prepared, head);
    const changes = this.#projections
      .map((projection) => new InlineChange(projection, events, this.#timeLimit, this.#handlerTimeoutMs))
      .filter(({ keys }) => keys.length > 0);
    const passed = await passedVersions(query, prepared, changes);
    for (const change of changes) {
      const passedVersion = passed.get(change.projection.name);
      if (passedVersion !== undefined) await this.#storeChange(query, change, prepared, head, passedVersion);
    }
    return { append: { ...prepared, append: { ...append, expected: head } }, checkIds: !isPlaced(append.expected) };
  }

  #concern({ events }: PreparedAppend): boolean {
    return events.some(({ event }) => this.#storedTypes.has(event.type));
  }

  async #append(database: Database, prepared: PreparedAppend, storeAppend: StoreAppend): Promise<AppendVerdict> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const verdict = await this.#attempt(database, prepared, storeAppend);
      if (verdict !== 'again' && !isOvertaken(prepared, verdict)) return verdict;
    }
    throw streamBusy(prepared);
  }

  async #attempt(
    database: Database,
    prepared: PreparedAppend,
    storeAppend: StoreAppend,
  ): Promise<AppendVerdict | 'again'> {
    try {
      return await database.transaction(prepared.append.tenant, async ({ query }) => {
        const placed = (await this.storeRows(query, prepared))!;
        await query(BOUND_PAUSE);
        const verdict = await storeAppend(query, placed);
        if (verdict.verdict !== 0) throw new NotStored(verdict);
        return verdict;
      });
    } catch (error) {
      if (error instanceof NotStored) return error.verdict;
      if (codeOf((error as Error).cause) === DEADLOCK) return 'again';
      throw error;
    }
  }

  async #storeChange(
    query: RunStatement,
    change: InlineChange,
    { append: { tenant, stream } }: PreparedAppend,
    head: number,
    passedVersion: number,
  ): Promise<void> {
    const { table } = change.projection;
    const loaded = await query(loadStatement(table, tenant, change.keys));
    const rows = new Map(loaded.map((row) => [String(row[table.key]), rowOf(table, row)]));
    const before: InlineBefore = { rows, passedVersion };
    const earlier: LoggedEvent[] = [];
    for (let from = change.unseenFrom(before); from <= head; from = (earlier.at(-1)?.streamVersion ?? head) + 1) {
      const page = await query<EventRow>({
        name: 'read_stream_inline',
        text: 'select * from groundwork.read_stream($1, $2, $3, $4, $5, null, null, $6, $7)',
        values: [tenant, stream.type, stream.id, from, head, EARLIER_ROWS_MAX, PAGE_BYTES_MAX],
      });
      earlier.push(...page.map((row) => eventOf(row, this.#types)));
      if (page.length === 0) break;
    }
    const changed = change.rowsAfter(before, earlier) ?? [];
    // In one order, so that no two appends wait for each other.
    const stored = [...changed].sort((a, b) => (String(a[table.key]) < String(b[table.key]) ? -1 : 1));
    try {
      for (const chunk of jsonChunks(stored.map((row) => storableRow(table, row)))) {
        await query(storeStatement(table, tenant, chunk));
      }
    } catch (error) {
      if (codeOf(error) === NOT_PERMITTED) throw notPermitted(change.projection);
      throw isDataRefused(error) ? rowRefused(error, table) : error;
    }
  }

  #unrecorded({ append: { tenant, stream }, events }: PreparedAppend, head: number): readonly LoggedEvent[] {
    return events.map(({ event, schemaVersion, metadataText, validationText, dataText }, index) => {
      const { id, type, source, occurredAt } = event;
      const facts = { id, type, source, occurredAt, tenant, stream, streamVersion: head + index + 1 };
      return unrecordedEvent({ ...facts, schemaVersion, metadataText, validationText, dataText }, this.#types);
    });
  }
}

const isPlaced = (expected: ExpectedVersion): boolean => typeof expected === 'number' || expected === 'no-stream';

/** Others were faster than an append that names no version: the same append may be stored the next time. */
export const isOvertaken = (
  { append: { expected } }: PreparedAppend,
  { verdict, streamVersion }: AppendVerdict,
): boolean => verdict === 1 && !isPlaced(expected) && streamVersion > 0;

/**
 * The version behind which the append stands: the one it names, or the one that there is now. Appends that name none
 * wait for each other, stream by stream, so that each folds its rows once; `isStored` when they repeat an earlier one.
 */
async function headOf(
  query: RunStatement,
  { append: { tenant, stream, expected, events }, streamKey }: PreparedAppend,
): Promise<{ readonly head: number; readonly isStored: boolean }> {
  if (typeof expected === 'number') return { head: expected, isStored: false };
  if (expected === 'no-stream') return { head: 0, isStored: false };
  await query({
    name: 'lock_stream',
    text: 'select pg_advisory_xact_lock(hashtextextended($1, 0))',
    values: [streamKey],
  });
  const [row] = await query<{ head: number; is_stored: boolean }>({
    name: 'head_of_stream',
    text: `select coalesce(max(e.stream_version), 0) as head,
                  exists (select from groundwork.event known where known.tenant = $1 and known.event_id = $4) as is_stored
             from groundwork.event e
            where e.stream_id = (select stream_id from groundwork.stream where tenant = $1 and type = $2 and id = $3)`,
    values: [tenant, stream.type, stream.id, events[0]!.id],
  });
  return { head: row!.head, isStored: row!.is_stored };
}

/**
 * By projection: up to which version of the stream its worker has passed. Without those that are left to it: stored in
 * another shape than this program declares, or in none yet, standing on another log, with this stream parked, or in a
 * table that stands in for a lost one, which the api may not read until it is built. The tables are taken first, so
 * that none is switched until the append is over.
 */
async function passedVersions(
  query: RunStatement,
  { append: { tenant, stream } }: PreparedAppend,
  changes: readonly InlineChange[],
): Promise<ReadonlyMap<string, number>> {
  const projections = await readable(
    query,
    changes.map(({ projection }) => projection),
  );
  for (const projection of projections) {
    const table = nameOf(projection.table);
    await query({ name: `hold ${table}`, text: `lock table ${table} in access share mode` }).catch((error: unknown) => {
      throw MISSING.includes(codeOf(error)) ? tableMissing(projection) : error;
    });
  }
  const rows = await query<{ name: string; passed_version: number }>({
    name: 'passed_versions',
    text: PASSED_VERSIONS,
    values: [
      tenant,
      stream.type,
      stream.id,
      projections.map(({ name }) => name),
      projections.map(({ schemaVersion }) => schemaVersion),
      projections.map(({ table }) => `${table.schema}.${table.name}`),
    ],
  });
  return new Map(rows.map((row) => [row.name, row.passed_version]));
}

/** Without those whose table is there and may not be read. */
async function readable(query: RunStatement, projections: readonly Projection[]): Promise<readonly Projection[]> {
  const rows = await query<{ is_readable: boolean }>({
    name: 'readable_tables',
    text: `select coalesce(has_table_privilege(to_regclass(name), 'select'), true) as is_readable
             from unnest($1::text[]) with ordinality as declared (name, place) order by place`,
    values: [projections.map(({ table }) => nameOf(table))],
  });
  return projections.filter((_, index) => rows[index]!.is_readable);
}

const PASSED_VERSIONS = `
  select p.name, coalesce((select e.stream_version from groundwork.event e
                            where e.stream_id = t.stream_id and e.position <= s.position
                            order by e.stream_version desc limit 1), 0) as passed_version
    from groundwork.projection p
    join unnest($4::text[], $5::int[], $6::text[]) as declared (name, schema_version, read_model)
         using (name, schema_version, read_model)
    left join groundwork.stream t on t.tenant = $1 and t.type = $2 and t.id = $3
    left join groundwork.projection_slice s on s.projection = p.name and s.slice = t.stream_id % s.slices
   where (t.stream_id is null or not groundwork.is_ahead_of_log(s.position, s.event_id))
     and not exists (select from groundwork.parked_stream k
                      where k.projection = p.name and k.tenant = $1 and k.stream_type = $2 and k.stream_id = $3)`;

/** Rolls the rows back; never leaves this file. */
class NotStored extends Error {
  readonly verdict: AppendVerdict;

  constructor(verdict: AppendVerdict) {
    super();
    this.verdict = verdict;
  }
}

const notPermitted = ({ name, table }: Projection): Misconfigured =>
  new Misconfigured(
    'projection.inline-not-permitted',
    `The rows of ${name} may not be stored with the append.`,
    `In a migration of its context give groundwork_app insert and update on ${table.schema}.${table.name}: the grant, and ` +
      'policies for insert (with check) and for update (using) with the condition of own_tenant.',
    { projection: name },
  );

export const streamBusy = ({ streamKey }: PreparedAppend): Conflict =>
  new Conflict(
    'event-store.stream-busy',
    `Others appended to ${streamKey} in the very moment.`,
    'Repeat the append; nothing of it is stored.',
  );
