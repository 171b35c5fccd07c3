// Archived events for those who read: found in the catalogue of the database, taken from the files of a folder.
import { Unavailable, type LogRead, type StreamKey } from '@groundwork/application';
import type { Database, RunStatement } from '../postgres/database.ts';
import { archivedEvents, fileOf, refuseDamaged, type ArchivedEvent, type ArchiveFacts } from './archive-file.ts';

/** Where the events of one or several streams lie in a file. */
export interface Place extends ArchiveFacts {
  readonly streams: readonly string[];
  readonly first_position: string;
  readonly last_position: string;
}

export class Archive {
  readonly #database: Database;
  readonly #folder: string | undefined;
  /** Files are never changed: each is compared with its checksum once in the life of a process. */
  readonly #sound = new Map<string, Promise<void>>();

  /** Without a folder nothing archived can be read: whoever needs it gets Unavailable `archive.folder-unset`. */
  constructor(database: Database, folder: string | undefined) {
    this.#database = database;
    this.#folder = folder;
  }

  /** The events of a stream in their order; undefined when it is not archived. */
  async readStream({ tenant, type, id }: StreamKey): Promise<AsyncIterable<ArchivedEvent> | undefined> {
    const [place] = await this.#database.transaction(tenant, ({ query }) =>
      query<Place>({ name: 'archived_stream', text: STREAM, values: [tenant, type, id] }),
    );
    return place && this.#read([place], 0n, BigInt(place.last_position));
  }

  /** Where the archived events of a part of the log are; `query` gives the rest of it as of the same moment. */
  find(
    query: RunStatement,
    { after, types, slices }: LogRead & Required<Pick<LogRead, 'slices'>>,
    upTo: bigint,
  ): Promise<readonly Place[]> {
    const values = [String(after), String(upTo), types, slices.of, slices.count];
    return query<Place>({ name: 'archived_events', text: LOG, values });
  }

  /** The archived events of a part of the log, in the order of their positions. */
  readLog(places: readonly Place[], { after, types }: LogRead, upTo: bigint): AsyncIterable<ArchivedEvent> {
    const wanted = new Set(types);
    return filtered(this.#read(places, after, upTo), ({ type }) => wanted.has(type));
  }

  async *#read(places: readonly Place[], after: bigint, upTo: bigint): AsyncIterable<ArchivedEvent> {
    const parts: AsyncIterable<ArchivedEvent>[] = [];
    for (const place of places) {
      const folder = this.#folderOf(place);
      await this.#refuseDamaged(folder, place);
      const [from, to] = [BigInt(place.first_position) - 1n, BigInt(place.last_position)];
      const streams = new Set(place.streams);
      const events = archivedEvents(fileOf(folder, place), from > after ? from : after, to < upTo ? to : upTo);
      parts.push(filtered(events, ({ streamNumber }) => streams.has(streamNumber)));
    }
    yield* inOrder(parts);
  }

  #folderOf({ tenant }: Place): string {
    if (this.#folder !== undefined) return this.#folder;
    throw new Unavailable(
      'archive.folder-unset',
      `Events of tenant ${tenant} are archived, and this process does not know where.`,
      'Let GW_ARCHIVE_DIR name the folder, for api and worker.',
      60,
    );
  }

  #refuseDamaged(folder: string, place: Place): Promise<void> {
    const known = this.#sound.get(place.archive_id);
    if (known !== undefined) return known;
    const sound = refuseDamaged(folder, place);
    this.#sound.set(place.archive_id, sound);
    // Somebody may bring the file back.
    sound.catch(() => this.#sound.delete(place.archive_id));
    return sound;
  }
}

const STREAM = `
  select a.archive_id, a.tenant, a.bytes, a.sha256, t.first_position, t.last_position, array[t.stream_id::text] as streams
    from groundwork.stream s
    join groundwork.archived_stream t using (stream_id)
    join groundwork.archive a using (archive_id)
   where s.tenant = $1 and s.type = $2 and s.id = $3`;

const LOG = `
  select a.archive_id, a.tenant, a.bytes, a.sha256, min(t.first_position) as first_position,
         max(t.last_position) as last_position, array_agg(t.stream_id::text) as streams
    from groundwork.archive a join groundwork.archived_stream t using (archive_id)
   where a.last_position > $1 and a.first_position <= $2 and a.event_types && $3
     and t.last_position > $1 and t.first_position <= $2 and t.stream_id % $5::int = any ($4::int[])
   group by a.archive_id`;

async function* filtered<T>(items: AsyncIterable<T>, isWanted: (item: T) => boolean): AsyncIterable<T> {
  for await (const item of items) if (isWanted(item)) yield item;
}

/** Several sequences as one; each is read no further than it has to be. */
async function* inOrder(parts: readonly AsyncIterable<ArchivedEvent>[]): AsyncIterable<ArchivedEvent> {
  const readers = parts.map((part) => part[Symbol.asyncIterator]());
  try {
    const heads = await Promise.all(readers.map((reader) => reader.next()));
    for (;;) {
      let first: number | undefined;
      for (const [at, { done, value }] of heads.entries()) {
        if (!done && (first === undefined || value.position < heads[first]!.value.position)) first = at;
      }
      if (first === undefined) return;
      yield heads[first]!.value;
      heads[first] = await readers[first]!.next();
    }
  } finally {
    for (const reader of readers) await reader.return?.();
  }
}
