// The log in PostgreSQL, tenant by tenant.
import { streamName, type StreamId, type TenantId } from '@groundwork/domain';
import {
  DuplicateEvent,
  StreamArchived,
  VersionConflict,
  prepareEvents,
  refuseMalformedExpectation,
  type Append,
  type Appended,
  type EventQuery,
  type EventStore,
  type EventTypes,
  type FromSnapshot,
  type LoggedEvent,
  type SchemaVersions,
  type StreamRange,
} from '@groundwork/application';
import type { ArchivedEvent } from '../archive/archive-file.ts';
import { Archive } from '../archive/archive.ts';
import { isInRange } from '../stream-range.ts';
import { AppendQueue, type AppendVerdict, type PreparedAppend } from './append-queue.ts';
import { appendBatch } from './append-statement.ts';
import { isDataRefused } from './database-errors.ts';
import type { Database } from './database.ts';
import { eventOf, hasMore, PAGE_BYTES_MAX, snapshotOf, type EventRow, type FromSnapshotRow } from './event-row.ts';
import type { InlineProjections, StoreAppend } from './inline-rows.ts';
import type { Signals } from './signals.ts';

// Keyset pages: 166,000 to 197,000 events a second against 251,000 of a cursor, but no connection is held between them.
const PAGE_ROWS_MAX = 1_000;
const VERSION_MAX = 2_147_483_647;

export class PostgresEventStore implements EventStore {
  readonly #database: Database;
  readonly #types: EventTypes;
  readonly #signals: Signals;
  readonly #archive: Archive;
  readonly #inline: InlineProjections | undefined;
  readonly #queue: AppendQueue;

  constructor(
    database: Database,
    types: EventTypes,
    signals: Signals,
    archive = new Archive(database, undefined),
    inline?: InlineProjections,
  ) {
    this.#database = database;
    this.#inline = inline;
    this.#types = types;
    this.#signals = signals;
    this.#archive = archive;
    this.#queue = new AppendQueue(
      (batch, checkIds) => appendBatch((statement) => database.queryInOrder(statement), batch, checkIds),
      isDataRefused,
    );
  }

  async append(append: Append): Promise<Appended> {
    const prepared = prepareAppend(append, this.#types);
    const verdict = await (this.#inline?.append(this.#database, prepared, storeOne) ?? this.#queue.append(prepared));
    const appended = appendedOrThrown(append, verdict);
    if (!appended.repeated) this.#signals.announce('log', appended.position);
    return appended;
  }

  async *readStream(tenant: TenantId, stream: StreamId, range: StreamRange = {}): AsyncIterable<LoggedEvent> {
    const to = range.toVersion ?? VERSION_MAX;
    let from = range.fromVersion ?? 1;
    let left = range.limit ?? Infinity;
    while (from <= to && left > 0) {
      const rowCountMax = Math.min(left, PAGE_ROWS_MAX);
      const bounds = [from, to, range.from, range.to, rowCountMax];
      const rows = await this.#read<EventRow>('read_stream', tenant, stream, bounds).catch(undefinedIfArchived);
      if (rows === undefined)
        return yield* this.#readArchived(tenant, stream, { ...range, fromVersion: from, limit: left });
      const page = this.#events(rows);
      yield* page;
      if (!hasMore(page, rowCountMax)) return;
      left -= page.length;
      from = page.at(-1)!.streamVersion + 1;
    }
  }

  async readFromSnapshot(tenant: TenantId, stream: StreamId, { from, to }: SchemaVersions): Promise<FromSnapshot> {
    const bounds = [from, to, PAGE_ROWS_MAX];
    const rows = await this.#read<FromSnapshotRow>('read_from_snapshot', tenant, stream, bounds).catch(
      undefinedIfArchived,
    );
    if (rows === undefined) return { snapshot: undefined, later: this.#readArchived(tenant, stream) };
    const snapshot = snapshotOf(rows[0]);
    const page = this.#events(snapshot === undefined ? rows : rows.slice(1));
    return { snapshot, later: this.#from(page, tenant, stream) };
  }

  /** The events of a first page, and those of the pages behind it. */
  async *#from(page: readonly LoggedEvent[], tenant: TenantId, stream: StreamId): AsyncIterable<LoggedEvent> {
    yield* page;
    if (!hasMore(page, PAGE_ROWS_MAX)) return;
    yield* this.readStream(tenant, stream, { fromVersion: page.at(-1)!.streamVersion + 1 });
  }

  async *#readArchived(tenant: TenantId, stream: StreamId, range: StreamRange = {}): AsyncIterable<LoggedEvent> {
    const archived = await this.#archive.readStream({ tenant, ...stream });
    // It was brought back meanwhile.
    if (archived === undefined) return yield* this.readStream(tenant, stream, range);
    let left = range.limit ?? Infinity;
    for await (const { row } of archived) {
      for (const event of this.#events([row]).filter((candidate) => isInRange(candidate, range))) {
        if (left-- <= 0) return;
        yield event;
      }
    }
  }

  #read<R extends EventRow>(
    name: 'read_stream' | 'read_from_snapshot',
    tenant: TenantId,
    stream: StreamId,
    bounds: readonly unknown[],
  ): Promise<R[]> {
    const values = [tenant, stream.type, stream.id, ...bounds, PAGE_BYTES_MAX];
    const parameters = values.map((_, index) => `$${index + 1}`).join(', ');
    return this.#database.query<R>({ name, text: `select * from groundwork.${name}(${parameters})`, values });
  }

  #events(rows: readonly EventRow[]): LoggedEvent[] {
    return rows.map((row) => eventOf(row, this.#types));
  }

  async query(tenant: TenantId, query: EventQuery): Promise<readonly LoggedEvent[]> {
    const events = await this.#queryLive(tenant, query);
    if (events.length > 0 || query.stream === undefined) return events;
    const archived = await this.#archive.readStream({ tenant, ...query.stream });
    // It may have been brought back between the two looks.
    return archived === undefined ? this.#queryLive(tenant, query) : this.#queryArchived(archived, query);
  }

  async #queryLive(tenant: TenantId, query: EventQuery): Promise<readonly LoggedEvent[]> {
    const values: unknown[] = [tenant, String(query.after), query.limit];
    const conditions = conditionsOf(query, values);
    const rows = await this.#database.transaction(tenant, (transaction) =>
      transaction.query<EventRow>({
        name: `query_events${conditions.map(([name]) => `_${name}`).join('')}`,
        text: `
          select groundwork.event_text(e, s.type, s.id) as event
            from groundwork.event e join groundwork.stream s using (stream_id)
           where e.tenant = $1 and e.position > $2 ${conditions.map(([, sql]) => `and ${sql}`).join(' ')}
           order by e.position limit $3`,
        values,
      }),
    );
    return this.#events(rows);
  }

  async #queryArchived(archived: AsyncIterable<ArchivedEvent>, query: EventQuery): Promise<readonly LoggedEvent[]> {
    const found: LoggedEvent[] = [];
    for await (const { row } of archived) {
      found.push(...this.#events([row]).filter((event) => isAskedFor(event, query)));
      if (found.length >= query.limit) break;
    }
    return found.slice(0, query.limit);
  }
}

const isAskedFor = (event: LoggedEvent, { after, type, source, correlationId }: EventQuery): boolean =>
  event.position > after &&
  (type === undefined || event.type === type) &&
  (source === undefined || event.source === source) &&
  (correlationId === undefined || event.metadata.correlationId === correlationId);

const undefinedIfArchived = (error: unknown): undefined => {
  if (!(error instanceof StreamArchived)) throw error;
};

const storeOne: StoreAppend = async (query, { append, checkIds }) => {
  const { verdicts } = await appendBatch(query, [append], checkIds);
  return verdicts[0]!;
};

/** Checks and serialises an append; throws InvalidInput for what no store may take. */
export function prepareAppend(append: Append, types: EventTypes): PreparedAppend {
  refuseMalformedExpectation(append);
  return {
    append,
    streamKey: `${append.tenant}/${streamName(append.stream)}`,
    events: prepareEvents(append.events, types),
  };
}

/** The verdict as result or as error. */
export function appendedOrThrown(append: Append, { verdict, streamVersion, position }: AppendVerdict): Appended {
  if (verdict === 1) throw new VersionConflict(streamName(append.stream), append.expected, streamVersion);
  if (verdict === 3) throw new DuplicateEvent(append.events[0]!.id);
  return { streamVersion, position, repeated: verdict === 2 };
}

/** A name and a condition for each filter that is set; its value is added to `values`. */
function conditionsOf(query: EventQuery, values: unknown[]): (readonly [string, string])[] {
  const conditions: (readonly [string, string])[] = [];
  const add = (name: string, value: unknown, sql: (parameter: string) => string): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push([name, sql(`$${values.length}`)]);
  };
  add('type', query.type, (parameter) => `e.type = ${parameter}`);
  add('source', query.source, (parameter) => `e.source = ${parameter}`);
  add('correlation', query.correlationId, (parameter) => `e.correlation_id = ${parameter}`);
  if (query.stream !== undefined) {
    values.push(query.stream.type, query.stream.id);
    conditions.push([
      'stream',
      `e.stream_id = (select stream_id from groundwork.stream
         where tenant = $1 and type = $${values.length - 1} and id = $${values.length})`,
    ]);
  }
  return conditions;
}
