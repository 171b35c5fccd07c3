// Archived streams on their way back, while others read and append.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LoggedEvent, StreamKey } from '@groundwork/application';
import { collected, newEvent, newStream } from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { PostgresEventLog } from '../postgres/postgres-event-log.ts';
import { PostgresEventStore } from '../postgres/postgres-event-store.ts';
import { archiveStreams } from './archive-streams.ts';
import { archiveUnderTest, noteTypes, stored, VERSIONS, type ArchiveUnderTest } from './archive-under-test.ts';
import { Archive } from './archive.ts';
import { listArchives, restoreStreams } from './restore-streams.ts';

describe('Streams that are brought back', () => {
  let archive: ArchiveUnderTest;
  let url: string;
  beforeEach(async () => {
    archive = await archiveUnderTest();
    ({ url } = archive.ports);
    await archiveStreams(url, archive.options());
  });
  afterEach(() => archive.close());

  it('are read whole by whoever has found nothing in the log, and nothing in the archive any more', async () => {
    const { mine, streams, folder } = archive;
    const [first, second] = [streams[0]!, streams[2]!];
    const database = archive.postgres.connect('groundwork_worker');
    /** Others restore the stream in the moment before its place is looked up. */
    class LateArchive extends Archive {
      override async readStream(stream: StreamKey) {
        await restoreStreams(url, folder, { tenant: mine, stream: `note/${stream.id}`, by: 'ada' });
        return super.readStream(stream);
      }
    }
    const late = new LateArchive(database, folder);
    const log = new PostgresEventLog(database, noteTypes, late);
    const events = new PostgresEventStore(database, noteTypes, undefined as never, late);
    const versions = (read: readonly LoggedEvent[]) => read.map(({ streamVersion }) => streamVersion);
    const whole = Array.from({ length: VERSIONS }, (_, at) => at + 1);
    expect(versions(await log.readStreamRange({ tenant: mine, ...first }, 0n, 1_000n, 100))).toEqual(whole);
    expect(versions(await events.query(mine, { stream: second, after: 0n, limit: 100 }))).toEqual(whole);
  });

  it('come file by file: what is before a damaged one is back, and a repetition brings the rest', async () => {
    const { mine: tenant, folder } = archive;
    const mine = (await listArchives(url)).filter((file) => file.tenant === tenant);
    expect(mine).toHaveLength(2);
    const damaged = join(folder, tenant, `${mine[1]!.archive_id}.jsonl`);
    const content = await readFile(damaged);
    await writeFile(damaged, 'damaged');
    const all = { tenant, by: 'ada' };
    await expect(restoreStreams(url, folder, all)).rejects.toMatchObject({ code: 'archive.damaged' });
    const left = async () => (await listArchives(url)).filter((file) => file.tenant === tenant);
    expect((await left()).map(({ archive_id: id }) => id)).toEqual([mine[1]!.archive_id]);
    await writeFile(damaged, content);
    expect(await restoreStreams(url, folder, all)).toEqual({ streams: mine[1]!.streams, events: mine[1]!.events });
    expect(await left()).toEqual([]);
    await archive.project();
    expect(await archive.findings()).toEqual([]);
  });

  it('do not lock the log for longer than a second when the process that brings them stands still', async () => {
    await archive.rows(REFUSE_UNBOUND_PAUSE);
    await restoreStreams(url, archive.folder, { tenant: archive.mine, by: 'ada' });
  });

  it('are refused where the id of an event was taken meanwhile: it is named, and both streams stay as they are', async () => {
    const { mine: tenant, folder, ports } = archive;
    const [stream, another] = [archive.streams[0]!, newStream()];
    const before = await collected(ports.events.readStream(tenant, stream));
    const { id } = before[2]!;
    const events = [newEvent('NoteWritten', { text: 'another' }, { id })];
    await ports.events.append({ tenant, stream: another, expected: 'no-stream', events });
    const one = { tenant, stream: `note/${stream.id}`, by: 'ada' };
    await expect(restoreStreams(url, folder, one)).rejects.toMatchObject({
      code: 'archive.event-id-taken',
      message: expect.stringContaining(id),
      details: { refused: [{ eventId: id, file: expect.any(String) }] },
    });
    expect(stored(await collected(ports.events.readStream(tenant, stream)))).toEqual(stored(before));
    expect(await collected(ports.events.readStream(tenant, another))).toHaveLength(1);
    await restoreStreams(url, folder, { ...one, stream: `note/${archive.streams[2]!.id}` });
  });

  it('come back from every other file when one holds an event id that was taken, which is named at the end', async () => {
    const { mine: tenant, folder, ports } = archive;
    const left = async () => (await listArchives(url)).filter((file) => file.tenant === tenant);
    const [first, second] = await left();
    const { id } = (await collected(ports.events.readStream(tenant, archive.streams[0]!)))[2]!;
    const events = [newEvent('NoteWritten', { text: 'another' }, { id })];
    await ports.events.append({ tenant, stream: newStream(), expected: 'no-stream', events });
    await expect(restoreStreams(url, folder, { tenant, by: 'ada' })).rejects.toMatchObject({
      code: 'archive.event-id-taken',
      details: { refused: [{ eventId: id, file: `${first!.archive_id}.jsonl` }], streams: second!.streams },
    });
    expect(await left()).toEqual([first]);
  });
});

/** The catalogue changes only in the transaction that holds the lock. */
const REFUSE_UNBOUND_PAUSE = `
  create function refuse_unbound_pause() returns trigger language plpgsql as $$
  begin
    if current_setting('idle_in_transaction_session_timeout') <> '1s' then raise exception 'may stand still'; end if;
    return null;
  end $$;
  create trigger refuse_unbound_pause after delete on groundwork.archived_stream
    for each statement execute function refuse_unbound_pause()`;
