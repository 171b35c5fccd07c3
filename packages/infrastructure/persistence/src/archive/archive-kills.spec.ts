// Archiving that is killed in the middle, while others append to the same streams.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { archiveStreams } from './archive-streams.ts';
import { archiveUnderTest, stored, type ArchiveUnderTest } from './archive-under-test.ts';
import { listArchives } from './restore-streams.ts';

const KILLS = 3;
const ONE_STREAM_EACH = { eventsPerFileMax: 5 };
const LEFT_BEHIND = `
  select from pg_stat_activity where application_name = 'groundwork-tenants' and datname = current_database()`;

describe('Archiving', () => {
  let archive: ArchiveUnderTest;
  beforeAll(async () => {
    archive = await archiveUnderTest();
  });
  afterAll(() => archive.close());

  it('S1-76 that is killed again and again loses nothing and keeps nothing twice, while others append', async () => {
    const { mine, streams, ports } = archive;
    const before = stored(await archive.wholeLog(500));
    const appended: bigint[] = [];
    let isOver = false;
    const appending = (async () => {
      for (let n = 0; !isOver; n++) {
        const type = n % 3 === 0 ? 'NoteClosed' : 'NoteWritten';
        await archive.write(mine, streams[n % streams.length]!, type).then(
          ({ position }) => appended.push(position),
          ({ code }: { code: string }) => expect(code).toBe('event-store.stream-archived'),
        );
        await pause(5);
      }
    })();
    const archived = async (): Promise<number> => (await listArchives(ports.url)).length;
    for (let kill = 0; kill < KILLS; kill++) {
      const count = await archived();
      const child = archivingProcess();
      await eventually(async () => (await archived()) > count, 20_000);
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    isOver = true;
    await appending;
    await eventually(async () => (await archive.rows(LEFT_BEHIND)).length === 0);
    expect(appended.length).toBeGreaterThan(0);

    await archiveStreams(ports.url, archive.options());
    const log = await archive.wholeLog(500);
    expect(stored(log.slice(0, before.length))).toEqual(before);
    expect(log.slice(before.length).map(({ position }) => position)).toEqual(appended);
    await archive.project();
    expect(await archive.findings()).toEqual([]);
  }, 60_000);

  /** Moves one stream after the other until it is killed. */
  function archivingProcess(): ChildProcess {
    const work = archive.options(ONE_STREAM_EACH);
    return spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `
        const { archiveStreams } = await import(${JSON.stringify(join(import.meta.dirname, 'archive-streams.ts'))});
        const { url, work } = JSON.parse(process.env.WORK);
        for (;;) await archiveStreams(url, work);`,
      ],
      {
        env: { PATH: process.env['PATH'], WORK: JSON.stringify({ url: archive.ports.url, work }) },
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
  }
});
