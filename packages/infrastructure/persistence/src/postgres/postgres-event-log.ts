// The whole log in PostgreSQL, for the worker.
import type { EventLog, EventTypes, LoggedEvent, LogHead, LogPage, LogRead, StreamKey } from '@groundwork/application';
import type { Database } from './database.ts';
import { eventOf, hasMore, PAGE_BYTES_MAX, type EventRow } from './event-row.ts';

interface SlicedRow extends EventRow {
  /** Of the first row, which has nothing else. */
  readonly head: string;
  readonly slice: number;
}

// How many positions one page looks at, however few of them match.
const POSITIONS_PER_ROW_WANTED = 20;

export class PostgresEventLog implements EventLog {
  readonly #database: Database;
  readonly #types: EventTypes;

  constructor(database: Database, types: EventTypes) {
    this.#database = database;
    this.#types = types;
  }

  async read({ after, limit, types, slices = { of: [0], count: 1 } }: LogRead): Promise<LogPage> {
    const positionCountMax = limit * POSITIONS_PER_ROW_WANTED;
    const [first, ...rows] = await this.#database.query<SlicedRow>({
      name: 'read_slices',
      text: 'select * from groundwork.read_slices($1, $2, $3, $4, $5, $6, $7)',
      values: [
        String(after),
        positionCountMax,
        limit,
        this.#types.storedAs(types),
        slices.of,
        slices.count,
        PAGE_BYTES_MAX,
      ],
    });
    const head = BigInt(first!.head);
    if (head <= after) return { events: [], readTo: after, isLast: true };
    const events = rows.map((row) => eventOf(row, this.#types));
    const bySlice = slices.of.length > 1 ? Map.groupBy(events, (_, index) => rows[index]!.slice) : undefined;
    const page = { events, ...(bySlice && { bySlice }) };
    if (hasMore(events, limit)) return { ...page, readTo: events.at(-1)!.position, isLast: false };
    const windowEnd = after + BigInt(positionCountMax);
    const readTo = windowEnd < head ? windowEnd : head;
    return { ...page, readTo, isLast: readTo >= head };
  }

  async readStreamRange(
    stream: StreamKey,
    after: bigint,
    upTo: bigint,
    limit: number,
  ): Promise<readonly LoggedEvent[]> {
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

  head(): Promise<LogHead> {
    return readHead(this.#database);
  }
}

/** The highest position, for anybody. */
export async function readHead(database: Database): Promise<LogHead> {
  const [row] = await database.query<{ head_position: string; recorded_at: Date | null }>({
    name: 'log_head',
    text: 'select * from groundwork.log_head()',
  });
  return { position: BigInt(row!.head_position), recordedAt: row!.recorded_at ?? undefined };
}
