// One file of an archive: events as JSON lines in the order of positions, so that a place in it is found by halving.
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Unavailable } from '@groundwork/application';
import type { EventRow } from '../postgres/event-row.ts';
import { factsOf } from '../tenants/tenant-files.ts';

/** What the catalogue says of a file. */
export interface ArchiveFacts {
  readonly archive_id: string;
  readonly tenant: string;
  readonly bytes: string;
  readonly sha256: string;
}

export interface ArchivedEvent {
  readonly position: bigint;
  /** The number of its stream, as the database knows it. */
  readonly streamNumber: string;
  readonly type: string;
  readonly bytes: number;
  /** As the functions of the log return an event. */
  readonly row: EventRow;
}

const CHUNK_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;

export const fileNameOf = (archiveId: string): string => `${archiveId}.jsonl`;

/** Each tenant has a folder of its own, which goes with it. */
export const fileOf = (
  folder: string,
  { tenant, archive_id: id }: Pick<ArchiveFacts, 'tenant' | 'archive_id'>,
): string => join(folder, tenant, fileNameOf(id));

/** Throws Unavailable `archive.damaged` unless the file is, byte for byte, what was archived. */
export async function refuseDamaged(folder: string, facts: ArchiveFacts): Promise<void> {
  const found = await factsOf(join(folder, facts.tenant), fileNameOf(facts.archive_id));
  if (found?.sha256 === facts.sha256 && found.bytes === Number(facts.bytes)) return;
  throw new Unavailable(
    'archive.damaged',
    `${fileOf(folder, facts)} ${found === undefined ? 'is missing' : 'is not what was archived'}.`,
    'Bring the file back from a backup of the folder that GW_ARCHIVE_DIR names.',
    60,
  );
}

/** The events behind `after`, up to and including `upTo`. */
export async function* archivedEvents(path: string, after: bigint, upTo: bigint): AsyncIterable<ArchivedEvent> {
  await using file = await open(path);
  for await (const { text } of linesFrom(file, await firstBehind(file, after))) {
    const event = eventIn(text);
    if (event.position > upTo) return;
    yield event;
  }
}

interface Line {
  readonly text: string;
  readonly begin: number;
  /** Where the next one begins. */
  readonly end: number;
}

/** Where the first line begins whose position is higher: all from `high` on are, and `low` is where a line begins. */
async function firstBehind(file: FileHandle, after: bigint): Promise<number> {
  let [low, high] = [0, (await file.stat()).size];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const line = await firstLineFrom(file, middle);
    if (line === undefined || line.begin >= high || eventIn(line.text).position > after) high = middle;
    else low = line.end;
  }
  return low;
}

/** The first line that begins at this byte or behind it. */
async function firstLineFrom(file: FileHandle, at: number): Promise<Line | undefined> {
  let isTail = at > 0;
  for await (const line of linesFrom(file, Math.max(0, at - 1))) {
    if (!isTail) return line;
    isTail = false;
  }
  return undefined;
}

async function* linesFrom(file: FileHandle, begin: number): AsyncIterable<Line> {
  let rest = Buffer.alloc(0);
  for (let at = begin, end = begin; ;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
    for (let feed = rest.indexOf(LINE_FEED); feed !== -1; feed = rest.indexOf(LINE_FEED)) {
      const line = { text: rest.toString('utf8', 0, feed), begin: end, end: end + feed + 1 };
      [rest, end] = [rest.subarray(feed + 1), line.end];
      yield line;
    }
  }
}

/** A line as `gw tenants export` writes it, too: the row of the event with the names of its stream. */
interface WrittenEvent {
  readonly position: number;
  readonly stream_id: number;
  readonly stream_type: string;
  readonly stream_name: string;
  readonly stream_version: number;
  readonly tenant: string;
  readonly event_id: string;
  readonly type: string;
  readonly schema_version: number;
  readonly source: string;
  readonly occurred_at: string;
  readonly recorded_at: string;
  readonly metadata: string;
  readonly validation: string | null;
  readonly data: string;
}

function eventIn(line: string): ArchivedEvent {
  const written = JSON.parse(line) as WrittenEvent;
  const { position, stream_id: stream, type, data } = written;
  return {
    position: BigInt(position),
    streamNumber: String(stream),
    type,
    bytes: Buffer.byteLength(data),
    row: { event: eventText(written) },
  };
}

/** What groundwork.event_text makes of the row. */
const eventText = (event: WrittenEvent): string =>
  [
    event.position,
    event.tenant,
    event.stream_type,
    event.stream_name,
    event.stream_version,
    event.event_id,
    event.type,
    event.schema_version,
    event.source,
    Date.parse(event.occurred_at),
    Date.parse(event.recorded_at),
    event.metadata,
    event.validation ?? '',
    event.data,
  ].join('\u001f');
