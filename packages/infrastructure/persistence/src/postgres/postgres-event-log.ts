// The whole log in PostgreSQL, for the worker.
import type { EventLog, EventTypes, LoggedEvent, LogHead, LogPage, LogRead, StreamKey } from '@groundwork/application';
import type { ArchivedEvent } from '../archive/archive-file.ts';
import { Archive } from '../archive/archive.ts';
import { codeOf, EVENTS_ARCHIVED_STATE } from './database-errors.ts';
import type { Database, Statement } from './database.ts';
import { eventOf, hasMore, PAGE_BYTES_MAX, type EventRow } from './event-row.ts';

interface SlicedRow extends EventRow {
  /** Of the first row, which has nothing else. */
  readonly head: string;
  readonly slice: number;
}

// How many positions one page looks at, however few of them match.
const POSITIONS_PER_ROW_WANTED = 20;
const ALL_SLICES = { of: [0], count: 1 };

/** What `groundwork.read_slices` gives and a page is made of. */
interface Found {
  readonly events: readonly SlicedEvent[];
  readonly readTo: bigint;
  readonly isLast: boolean;
}
interface SlicedEvent {
  readonly event: LoggedEvent;
  readonly slice: number;
}
type SlicedRead = Required<LogRead>;

export class PostgresEventLog implements EventLog {
  readonly #database: Database;
  readonly #types: EventTypes;
  readonly #archive: Archive;

  constructor(database: Database, types: EventTypes, archive = new Archive(database, undefined)) {
    this.#database = database;
    this.#types = types;
    this.#archive = archive;
  }

  async read(asked: LogRead): Promise<LogPage> {
    const read = { slices: ALL_SLICES, ...asked, types: this.#types.storedAs(asked.types) };
    const { events: found, ...rest } = await this.#found(read);
    const events = found.map(({ event }) => event);
    if (read.slices.of.length === 1) return { events, ...rest };
    const bySlice = new Map(
      [...Map.groupBy(found, ({ slice }) => slice)].map(([slice, own]) => [slice, own.map(({ event }) => event)]),
    );
    return { events, bySlice, ...rest };
  }

  async #found(read: SlicedRead): Promise<Found> {
    try {
      return this.#inLog(await this.#database.query<SlicedRow>(slicesOf('read_slices', read)), read);
    } catch (error) {
      if (codeOf(error) !== EVENTS_ARCHIVED_STATE) throw error;
      return this.#inLogAndArchive(read);
    }
  }

  #inLog([first, ...rows]: readonly SlicedRow[], { after, limit }: SlicedRead): Found {
    const head = BigInt(first!.head);
    if (head <= after) return { events: [], readTo: after, isLast: true };
    const events = rows.map((row) => ({ event: eventOf(row, this.#types), slice: row.slice }));
    if (
      hasMore(
        events.map(({ event }) => event),
        limit,
      )
    ) {
      return { events, readTo: events.at(-1)!.event.position, isLast: false };
    }
    const windowEnd = after + BigInt(limit * POSITIONS_PER_ROW_WANTED);
    const readTo = windowEnd < head ? windowEnd : head;
    return { events, readTo, isLast: readTo >= head };
  }

  /** Both as of one moment, so that what moves between them is seen once. */
  async #inLogAndArchive(read: SlicedRead): Promise<Found> {
    const { live, places } = await this.#database.transaction(undefined, async ({ query }) => {
      await query({ name: 'one_moment', text: 'set transaction isolation level repeatable read, read only' });
      const found = this.#inLog(await query<SlicedRow>(slicesOf('read_live_slices', read)), read);
      return { live: found, places: await this.#archive.find(query, read, found.readTo) };
    });
    const archived: SlicedEvent[] = [];
    let [bytes, readTo] = [0, live.readTo];
    for await (const { row, position, streamNumber, ...event } of this.#archive.readLog(places, read, live.readTo)) {
      archived.push({
        event: eventOf(row, this.#types),
        slice: Number(BigInt(streamNumber) % BigInt(read.slices.count)),
      });
      bytes += event.bytes;
      if (archived.length < read.limit && bytes < PAGE_BYTES_MAX) continue;
      readTo = position;
      break;
    }
    const events = [...live.events, ...archived]
      .filter(({ event }) => event.position <= readTo)
      .sort((a, b) => (a.event.position < b.event.position ? -1 : 1))
      .slice(0, read.limit);
    if (events.length === read.limit) readTo = events.at(-1)!.event.position;
    return { events, readTo, isLast: live.isLast && readTo === live.readTo };
  }

  async readStreamRange(
    stream: StreamKey,
    after: bigint,
    upTo: bigint,
    limit: number,
  ): Promise<readonly LoggedEvent[]> {
    const live = () => this.#liveRange(stream, after, upTo, limit);
    const events = await live();
    if (events.length > 0) return events;
    const archived = await this.#archive.readStream(stream);
    // It may have been brought back between the two looks.
    return archived === undefined ? live() : this.#rangeOf(archived, after, upTo, limit);
  }

  async #liveRange(stream: StreamKey, after: bigint, upTo: bigint, limit: number): Promise<readonly LoggedEvent[]> {
    const rows = await this.#database.query<EventRow>({
      name: 'read_stream_range',
      text: `
        select p.event from (
          select groundwork.event_text(e, s.type, s.id) as event, e.stream_version,
                 sum(octet_length(e.data)) over (order by e.stream_version) - octet_length(e.data) as bytes_before
            from groundwork.stream s join groundwork.event e using (stream_id)
           where s.tenant = $1 and s.type = $2 and s.id = $3 and e.position > $4 and e.position <= $5
           order by e.stream_version limit $6
        ) p
         where p.bytes_before < $7 order by p.stream_version`,
      values: [stream.tenant, stream.type, stream.id, String(after), String(upTo), limit, PAGE_BYTES_MAX],
    });
    return rows.map((row) => eventOf(row, this.#types));
  }

  async #rangeOf(
    archived: AsyncIterable<ArchivedEvent>,
    after: bigint,
    upTo: bigint,
    limit: number,
  ): Promise<readonly LoggedEvent[]> {
    const events: LoggedEvent[] = [];
    let bytes = 0;
    for await (const event of archived) {
      if (event.position <= after) continue;
      if (event.position > upTo || events.length >= limit || bytes >= PAGE_BYTES_MAX) break;
      events.push(eventOf(event.row, this.#types));
      bytes += event.bytes;
    }
    return events;
  }

  head(): Promise<LogHead> {
    return readHead(this.#database);
  }
}

/** `read_slices` refuses a window that holds archived events; `read_live_slices` leaves them out. */
const slicesOf = (
  name: 'read_slices' | 'read_live_slices',
  { after, limit, types, slices }: SlicedRead,
): Statement => ({
  name,
  text: `select * from groundwork.${name}($1, $2, $3, $4, $5, $6, $7)`,
  values: [String(after), limit * POSITIONS_PER_ROW_WANTED, limit, types, slices.of, slices.count, PAGE_BYTES_MAX],
});

/** The highest position, for anybody. */
export async function readHead(database: Database): Promise<LogHead> {
  const [row] = await database.query<{ head_position: string; recorded_at: Date | null }>({
    name: 'log_head',
    text: 'select * from groundwork.log_head()',
  });
  return { position: BigInt(row!.head_position), recordedAt: row!.recorded_at ?? undefined };
}
