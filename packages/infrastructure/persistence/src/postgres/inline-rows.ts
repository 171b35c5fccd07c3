// The rows of inline projections, stored in the transaction of the append before the log is locked.
import {
  Conflict,
  InlineChange,
  Misconfigured,
  unrecordedEvent,
  type EventTypes,
  type ExpectedVersion,
  type LoggedEvent,
  type Projection,
} from '@groundwork/application';
import type { AppendVerdict, PreparedAppend } from './append-queue.ts';
import { codeOf, isDataRefused } from './database-errors.ts';
import type { Database, RunStatement } from './database.ts';
import { eventOf, PAGE_BYTES_MAX, type EventRow } from './event-row.ts';
import { rowRefused } from './postgres-projection-transaction.ts';
import {
  jsonChunks,
  loadStatement,
  removeStatement,
  rowOf,
  storableRow,
  storeStatement,
} from './read-model-statements.ts';

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

export class InlineProjections {
  readonly #projections: readonly Projection[];
  readonly #types: EventTypes;
  readonly #storedTypes: ReadonlySet<string>;

  constructor(projections: readonly Projection[], types: EventTypes) {
    this.#projections = projections.filter(({ isInline }) => isInline === true);
    this.#types = types;
    this.#storedTypes = new Set(this.#projections.flatMap(({ eventTypes }) => types.storedAs(eventTypes)));
  }

  /** Whether rows are stored with this append. */
  concern({ events }: PreparedAppend): boolean {
    return events.some(({ event }) => this.#storedTypes.has(event.type));
  }

  /**
   * Rows and events in one transaction: both or neither. Whoever does not name a version meets others on the way, and
   * is tried again behind them.
   */
  async append(database: Database, append: PreparedAppend, storeAppend: StoreAppend): Promise<AppendVerdict> {
    const { expected } = append.append;
    for (let attempt = 1; ; attempt++) {
      const verdict = await this.#attempt(database, append, storeAppend);
      const isFinal =
        verdict !== 'again' && (verdict.verdict !== 1 || isPlaced(expected) || verdict.streamVersion === 0);
      if (isFinal) return verdict;
      if (attempt === ATTEMPTS_MAX) throw busy();
    }
  }

  /** Stores the rows on the connection of a transaction of the tenant; the append as it has to be stored there. */
  async storeRows(query: RunStatement, prepared: PreparedAppend): Promise<PlacedAppend> {
    const { append } = prepared;
    const head = await headOf(query, prepared);
    if (append.expected === 'stream-exists' && head === 0) return { append: prepared, checkIds: false };
    const events = this.#unrecorded(prepared, head);
    for (const projection of this.#projections) {
      const change = new InlineChange(projection, events);
      if (change.keys.length > 0) await this.#storeChange(query, change, append.tenant, append.stream, head);
    }
    return { append: { ...prepared, append: { ...append, expected: head } }, checkIds: !isPlaced(append.expected) };
  }

  async #attempt(
    database: Database,
    prepared: PreparedAppend,
    storeAppend: StoreAppend,
  ): Promise<AppendVerdict | 'again'> {
    try {
      return await database.transaction(prepared.append.tenant, async ({ query }) => {
        const verdict = await storeAppend(query, await this.storeRows(query, prepared));
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
    tenant: string,
    stream: { readonly type: string; readonly id: string },
    head: number,
  ): Promise<void> {
    const { table } = change.projection;
    const keys = [...change.keys].sort();
    const loaded = await query(loadStatement(table, tenant, keys));
    const rows = new Map(loaded.map((row) => [String(row[table.key]), rowOf(table, row)]));
    const earlier: LoggedEvent[] = [];
    for (let from = change.unseenFrom(rows); from <= head; from = (earlier.at(-1)?.streamVersion ?? head) + 1) {
      const page = await query<EventRow>({
        name: 'read_stream_inline',
        text: 'select * from groundwork.read_stream($1, $2, $3, $4, $5, null, null, $6, $7)',
        values: [tenant, stream.type, stream.id, from, head, EARLIER_ROWS_MAX, PAGE_BYTES_MAX],
      });
      earlier.push(...page.map((row) => eventOf(row, this.#types)));
      if (page.length === 0) break;
    }
    const { stored, removedKeys } = change.rowsAfter(rows, earlier);
    try {
      for (const chunk of jsonChunks(stored.map((row) => storableRow(table, row)))) {
        await query(storeStatement(table, tenant, chunk));
      }
      if (removedKeys.length > 0) await query(removeStatement(table, tenant, removedKeys));
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

/**
 * The version behind which the append stands: the one it names, or the one that there is now. Appends that name none
 * wait for each other, stream by stream, so that each folds its rows once.
 */
async function headOf(
  query: RunStatement,
  { append: { tenant, stream, expected }, streamKey }: PreparedAppend,
): Promise<number> {
  if (typeof expected === 'number') return expected;
  if (expected === 'no-stream') return 0;
  await query({
    name: 'lock_stream',
    text: 'select pg_advisory_xact_lock(hashtextextended($1, 0))',
    values: [streamKey],
  });
  const [row] = await query<{ head: number }>({
    name: 'head_of_stream',
    text: `select coalesce(max(e.stream_version), 0) as head
             from groundwork.event e
            where e.stream_id = (select stream_id from groundwork.stream where tenant = $1 and type = $2 and id = $3)`,
    values: [tenant, stream.type, stream.id],
  });
  return row!.head;
}

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
    `grant insert, update, delete on ${table.schema}.${table.name} to groundwork_app; in a migration of its context.`,
    { projection: name },
  );

const busy = (): Conflict =>
  new Conflict(
    'event-store.stream-busy',
    `Others were faster ${ATTEMPTS_MAX} times in a row.`,
    'Repeat the append; nothing of it is stored.',
  );
