// Closed streams leave the table and are still there: for readers, for the log, for a rebuild, and to come back.
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { collected, newTenant, noteList, rebuilt } from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { QueryRunner } from 'typeorm';
import { Archive1763703500000 } from '../postgres/migrations/1763703500000-archive.ts';
import { PostgresEventLog } from '../postgres/postgres-event-log.ts';
import { PostgresEventStore } from '../postgres/postgres-event-store.ts';
import { exportTenant } from '../tenants/export-tenant.ts';
import { dropTenant } from '../tenants/tenants.ts';
import { archivable, archiveStreams } from './archive-streams.ts';
import { archiveUnderTest, noteTypes, stored, STREAMS, VERSIONS, type ArchiveUnderTest } from './archive-under-test.ts';
import { listArchives, restoreStreams } from './restore-streams.ts';

const COUNT = `select count(*)::int as events from groundwork.event where tenant <> '$installation'`;
const PARK = `
  insert into groundwork.parked_stream (parked_id, tenant, projection, slice, stream_type, stream_id, position, event_id,
                                        event_type, attempts, error)
    select gen_random_uuid(), e.tenant, 'contract.note-list', 0, s.type, s.id, e.position, e.event_id, e.type, 1, '{}'
      from groundwork.event e join groundwork.stream s using (stream_id)
     where e.tenant = $1 and s.id = $2 and e.stream_version = 5`;

describe('Archived streams', () => {
  let archive: ArchiveUnderTest;
  let url: string;
  beforeEach(async () => {
    archive = await archiveUnderTest();
    ({ url } = archive.ports);
  });
  afterEach(() => archive.close());

  const readModel = (): Promise<unknown[]> => archive.rows('select * from contract.note order by tenant, id');
  const everything = async () => ({
    log: stored(await archive.wholeLog(7)),
    streams: (await archive.allStreams()).map(stored),
  });

  it('S1-76 are in files with checksums: the table shrinks, and streams, log, slices and rebuilds are what they were', async () => {
    const [before, rowsBefore] = [await everything(), await readModel()];
    const closed = { streams: STREAMS, events: VERSIONS * STREAMS };
    expect(await archivable(url, archive.options())).toEqual(closed);
    expect(await archiveStreams(url, archive.options())).toEqual({ files: 4, ...closed });

    expect(await archive.rows(COUNT)).toEqual([{ events: VERSIONS * STREAMS }]);
    for (const { tenant, archive_id: id, sha256, events } of await listArchives(url)) {
      const content = await readFile(join(archive.folder, tenant, `${id}.jsonl`));
      expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
      expect(content.toString().trimEnd().split('\n')).toHaveLength(events);
    }
    expect(await everything()).toEqual(before);
    for (const limit of [2, 1_000]) expect(stored(await archive.wholeLog(limit))).toEqual(before.log);
    const slices = await Promise.all([[0], [1, 2]].map((of) => archive.wholeLog(5, { of, count: 3 })));
    expect(new Set(slices.flat().map(({ id }) => id)).size).toBe(before.log.length);
    await rebuilt(archive.ports, noteList);
    expect(await readModel()).toEqual(rowsBefore);
    expect(await archive.findings()).toEqual([]);
    expect(await archiveStreams(url, archive.options())).toEqual({ files: 0, streams: 0, events: 0 });
  }, 60_000);

  it('are read in ranges, by queries for one of them, and without the snapshot that went', async () => {
    const { events, log } = archive.ports;
    const [[stream], tenant] = [archive.streams, archive.mine];
    const ask = async () => {
      const middle = events.readStream(tenant, stream!, { fromVersion: 2, toVersion: 4, limit: 2 });
      return {
        middle: stored(await collected(middle)),
        none: await collected(events.readStream(tenant, stream!, { to: new Date(0) })),
        query: stored(await events.query(tenant, { stream: stream!, after: 20n, type: 'NoteWritten', limit: 2 })),
        range: stored(await log.readStreamRange({ tenant, ...stream! }, 20n, 90n, 2)),
        later: stored(await collected((await events.readFromSnapshot(tenant, stream!, { from: 1, to: 1 })).later)),
      };
    };
    const before = await ask();
    expect(Object.values(before).map(({ length }) => length)).toEqual([2, 0, 2, 2, 5]);
    await archiveStreams(url, archive.options());
    expect(await ask()).toEqual(before);
  });

  it('take no event: an append is refused with a code and stores nothing, until the stream is back at its old place', async () => {
    const before = await everything();
    await archiveStreams(url, archive.options());
    const [[stream], { mine, theirs, folder }] = [archive.streams, archive];
    for (const expected of ['any', 0, 5] as const) {
      await expect(archive.write(mine, stream!, 'NoteWritten', expected)).rejects.toMatchObject({
        code: 'event-store.stream-archived',
        details: { stream: `note/${stream!.id}` },
      });
    }
    // The other appends of the same group are stored.
    const group = [newTenant(), mine, newTenant()].map((tenant) => archive.write(tenant, stream!, 'NoteWritten'));
    const answers = await Promise.allSettled(group);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);

    const one = { tenant: mine, stream: `note/${stream!.id}`, by: 'ada' };
    expect(await restoreStreams(url, folder, one)).toEqual({ streams: 1, events: VERSIONS });
    expect(await everything()).toMatchObject({ streams: before.streams });
    await archive.project();
    expect(await archive.findings()).toEqual([]);
    expect((await archive.write(mine, stream!, 'NoteWritten', VERSIONS)).streamVersion).toBe(VERSIONS + 1);
    await expect(restoreStreams(url, folder, one)).rejects.toMatchObject({ code: 'archive.nothing-archived' });
    for (const tenant of [mine, theirs]) await restoreStreams(url, folder, { tenant, by: 'ada' });
    expect(stored(await archive.wholeLog(100)).slice(0, before.log.length)).toEqual(before.log);
    expect(await listArchives(url)).toEqual([]);
    await archive.project();
    expect(await archive.findings()).toEqual([]);
  });

  it('are only those whose last event closes them, that were closed long ago, and that no projection has parked', async () => {
    const { streams, mine } = archive;
    await archive.write(mine, streams[0]!, 'NoteWritten');
    const longAgo = archive.options({ closedBefore: new Date(0) });
    expect(await archivable(url, longAgo)).toEqual({ streams: 0, events: 0 });
    await archive.rows(PARK, mine, streams[2]!.id);
    expect((await archiveStreams(url, archive.options({ tenant: mine }))).streams).toBe(STREAMS / 2 - 2);
  });

  it('stop whoever cannot read them, instead of being left out', async () => {
    await archiveStreams(url, archive.options());
    const database = archive.postgres.connect('groundwork_worker');
    const log = new PostgresEventLog(database, noteTypes);
    const events = new PostgresEventStore(database, noteTypes, undefined as never);
    const unread = { code: 'archive.folder-unset' };
    await expect(archive.wholeLog(7, undefined, log)).rejects.toMatchObject(unread);
    await expect(collected(events.readStream(archive.mine, archive.streams[0]!))).rejects.toMatchObject(unread);
    expect(await archive.findings(null)).toEqual(['archive-damaged']);

    const [first] = await listArchives(url);
    await appendFile(join(archive.folder, first!.tenant, `${first!.archive_id}.jsonl`), ' ');
    const damaged = { code: 'archive.damaged' };
    await expect(archive.wholeLog(7)).rejects.toMatchObject(damaged);
    expect(await archive.findings()).toEqual(['archive-damaged']);
    const all = { tenant: first!.tenant, by: 'ada' };
    await expect(restoreStreams(url, archive.folder, all)).rejects.toMatchObject(damaged);
  });

  it('keep the migration from being taken back, which would forget where they are', async () => {
    await archiveStreams(url, archive.options());
    const runner = { query: (sql: string) => archive.rows(sql) } as unknown as QueryRunner;
    await expect(new Archive1763703500000().down(runner)).rejects.toThrow('Streams are archived');
    expect(await listArchives(url)).toHaveLength(4);
  });

  it('go with their tenant, and have to come back before it is exported', async () => {
    const { mine, theirs, folder } = archive;
    await archiveStreams(url, archive.options());
    await expect(exportTenant(url, mine, join(folder, 'export'))).rejects.toMatchObject({ code: 'tenant.archived' });
    await expect(dropTenant(url, mine, 'ada')).rejects.toMatchObject({ code: 'tenant.archive-unknown' });
    await dropTenant(url, mine, 'ada', folder);
    expect((await readdir(folder)).sort()).toEqual(['export', theirs].sort());
    expect((await archive.wholeLog(100)).filter(({ tenant }) => tenant === mine)).toEqual([]);
    expect(await archive.findings()).toEqual([]);
  });

  it('are all that a drop deletes: of a folder that another installation uses, too, nothing else', async () => {
    const { mine, folder } = archive;
    const [stranger, unknown] = [join(folder, mine), join(folder, newTenant())];
    await archiveStreams(url, archive.options({ tenant: mine }));
    await mkdir(unknown);
    for (const place of [stranger, unknown]) await writeFile(join(place, 'another.jsonl'), '{}');
    await expect(dropTenant(url, basename(unknown), 'ada', folder)).rejects.toMatchObject({ code: 'tenant.unknown' });
    expect(await readdir(unknown)).toEqual(['another.jsonl']);

    // As if the process had ended behind the commit: the repetition finds no row, and deletes what is left.
    await archive.rows('select groundwork.drop_tenant($1, $2)', mine, 'ada');
    expect(await readdir(stranger)).toHaveLength(3);
    await expect(dropTenant(url, mine, 'ada', folder)).rejects.toMatchObject({ code: 'tenant.unknown' });
    expect(await readdir(stranger)).toEqual(['another.jsonl']);
  });

  it('are replayed by a verification, which finds a forged row of one and counts none that it cannot read', async () => {
    const { mine, streams } = archive;
    await archiveStreams(url, archive.options());
    expect(await archive.findings()).toEqual([]);
    await archive.rows(`update contract.note set text = 'forged' where tenant = $1 and id = $2`, mine, streams[0]!.id);
    const verified = await archive.verified();
    expect(verified.findings).toMatchObject([{ check: 'row-differs', count: 1 }]);
    expect(verified.findings[0]!.places[0]).toContain(`tenant ${mine}, ${streams[0]!.id}`);
    const unread = await archive.verified(null);
    expect(verified.replayedStreams - unread.replayedStreams).toBe(STREAMS);
  });
});
