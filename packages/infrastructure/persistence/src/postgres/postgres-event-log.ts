// The whole log in PostgreSQL, for the worker.
import {
  loggedEvent,
  type EventLog,
  type EventTypes,
  type LoggedEvent,
  type LogHead,
  type LogPage,
  type LogRead,
  type StreamKey,
} from '@groundwork/application';
import type { ArchivedEvent } from '../archive/archive-file.ts';
import { Archive } from '../archive/archive.ts';
import { codeOf, EVENTS_ARCHIVED_STATE } from './database-errors.ts';
import type { Database, RunStatement, Statement } from './database.ts';
import { eventOf, EventText, hasMore, PAGE_BYTES_MAX, type EventRow } from './event-row.ts';
import { StreamNames } from './stream-names.ts';

// How many positions one page looks at, however few of them match.
const POSITIONS_PER_ROW_WANTED = 20;
const ALL_SLICES = { of: [0], count: 1 };

/** What a page is made of. */
interface Found {
  readonly events: readonly SlicedEvent[];
  readonly readTo: bigint;
  readonly isLast: boolean;
}
interface SlicedEvent {
  readonly event: LoggedEvent;
  readonly slice: number;
}
type SlicedRead = LogRead & Required<Pick<LogRead, 'slices'>>;

export class PostgresEventLog implements EventLog {
  readonly #database: Database;
  readonly #types: EventTypes;
  readonly #archive: Archive;
  readonly #names = new StreamNames();

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
      return await this.#inLog('read_log_page', read, (statement) => this.#database.query(statement));
    } catch (error) {
      if (codeOf(error) !== EVENTS_ARCHIVED_STATE) throw error;
      return this.#inLogAndArchive(read);
    }
  }

  async #inLog(name: PageFunction, read: SlicedRead, query: RunStatement): Promise<Found> {
    const { after, limit, slices } = read;
    const [first, ...rows] = await query<EventRow>(pageStatement(name, read));
    const [headText, ...table] = first!.event.split('\u001f');
    const head = BigInt(headText!);
    if (head <= after) return { events: [], readTo: after, isLast: true };
    const texts = rows.map(({ event }) => new EventText(event));
    const numbers = texts.map(({ stream }) => Number(stream.id));
    const names = await this.#names.of(numbers, table.join(), query);
    // A tenant was dropped between the page and the look at its names: its events are gone as well.
    if (names === undefined) return this.#inLog(name, read, query);
    const events = texts.map((text, at) => {
      text.stream = names[at]!;
      return { event: loggedEvent(text, this.#types), slice: numbers[at]! % slices.count };
    });
    if (hasMore(texts, limit)) return { events, readTo: texts.at(-1)!.position, isLast: false };
    const windowEnd = after + BigInt(windowOf(read));
    const readTo = windowEnd < head ? windowEnd : head;
    return { events, readTo, isLast: readTo >= head };
  }

  /** Both as of one moment, so that what moves between them is seen once. */
  async #inLogAndArchive(read: SlicedRead): Promise<Found> {
    const { live, places } = await this.#database.transaction(undefined, async ({ query }) => {
      await query({ name: 'one_moment', text: 'set transaction isolation level repeatable read, read only' });
      const found = await this.#inLog('read_live_log_page', read, query);
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

/** The first refuses a window that holds archived events; the second leaves them out. */
type PageFunction = 'read_log_page' | 'read_live_log_page';

const pageStatement = (name: PageFunction, read: SlicedRead): Statement => ({
  name,
  text: `select * from groundwork.${name}($1, $2, $3, $4, $5, $6, $7)`,
  values: [
    String(read.after),
    windowOf(read),
    read.limit,
    read.types,
    read.slices.of,
    read.slices.count,
    PAGE_BYTES_MAX,
  ],
});

/** How many positions are looked at. */
function windowOf({ after, upTo, limit }: LogRead): number {
  const widest = limit * POSITIONS_PER_ROW_WANTED;
  return upTo === undefined ? widest : Math.max(0, Math.min(Number(upTo - after), widest));
}

/** The highest position, for anybody. */
export async function readHead(database: Database): Promise<LogHead> {
  const [row] = await database.query<{ head_position: string; recorded_at: Date | null }>({
    name: 'log_head',
    text: 'select * from groundwork.log_head()',
  });
  return { position: BigInt(row!.head_position), recordedAt: row!.recorded_at ?? undefined };
}
