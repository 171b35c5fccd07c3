import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { runningEmbeddedPostgres, startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts';

const launcher = new URL('./embedded-postgres.ts', import.meta.url).href;

describe('the embedded PostgreSQL', () => {
  let dataDir: string;
  let running: EmbeddedPostgres | undefined;
  let said: string[];

  beforeEach(() => {
    const parent = mkdtempSync(join(tmpdir(), 'gw-embedded-'));
    chmodSync(parent, 0o711);
    dataDir = join(parent, 'data');
    said = [];
  });
  afterEach(async () => {
    await running?.stop();
    running = undefined;
    rmSync(join(dataDir, '..'), { recursive: true, force: true });
  });

  const start = async (): Promise<EmbeddedPostgres> =>
    (running = await startEmbeddedPostgres({ dataDir, durable: false, log: (line) => said.push(line) }));

  it('is UTF-8 with checksums, durable when asked, and closed to those who do not know its password', async () => {
    running = await startEmbeddedPostgres({ dataDir, durable: true, log: () => undefined });
    const settings = await ask(
      running.url,
      `select current_setting('server_encoding') encoding, current_setting('data_checksums') checksums,
              current_setting('fsync') fsync, current_setting('synchronous_commit') commits, lower('ÄÉ') lowered`,
    );
    expect(settings).toEqual([{ encoding: 'UTF8', checksums: 'on', fsync: 'on', commits: 'on', lowered: 'äé' }]);
    const stranger = new URL(running.url);
    stranger.password = 'guess';
    await expect(ask(stranger.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
    expect(statSync(join(dataDir, 'connection.json')).mode & 0o777).toBe(0o600);
  });

  it('keeps its data, port and password over a stop and a start', async () => {
    const first = await start();
    await ask(first.url, 'create table kept as select 42 as answer');
    await first.stop();
    expect(await answers(first.url)).toBe(false);
    const second = await start();
    expect(second.url).toBe(first.url);
    expect(await ask(second.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
  });

  it('refuses a data directory that a living process holds, and leaves that one alone', async () => {
    const first = await start();
    await expect(startEmbeddedPostgres({ dataDir, durable: false, log: () => undefined })).rejects.toMatchObject({
      code: 'database.embedded-in-use',
    });
    expect(await ask(first.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('tells others on the machine where it can be reached, while it runs', async () => {
    expect(await runningEmbeddedPostgres(dataDir)).toBeUndefined();
    const server = await start();
    expect(await runningEmbeddedPostgres(dataDir)).toBe(server.url);
    await server.stop();
    expect(await runningEmbeddedPostgres(dataDir)).toBeUndefined();
  });

  it('starts again after its launcher was killed and the server lived on', async () => {
    const { child, pid } = await launchElsewhere(dataDir);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const again = await start();
    expect(said.join('\n')).toContain(`process ${pid}`);
    expect(again.pid).not.toBe(pid);
    expect(await ask(again.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
  });

  it('starts again after launcher and server were killed', async () => {
    const { child, pid } = await launchElsewhere(dataDir);
    process.kill(pid, 'SIGKILL');
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    const again = await start();
    expect(await ask(again.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
  });

  it.each(['', '{"pid":', 'null'])(
    'starts although a power failure left %j in owner.json and connection.json',
    async (rubbish) => {
      const first = await start();
      await ask(first.url, 'create table kept as select 42 as answer');
      await first.stop();
      for (const name of ['owner.json', 'connection.json']) writeFileSync(join(dataDir, name), rubbish);

      const again = await start();
      expect(await ask(again.url, 'select answer from kept')).toEqual([{ answer: 42 }]);
      expect(said.join('\n')).toContain(join(dataDir, 'connection.json'));
      expect(await runningEmbeddedPostgres(dataDir)).toBe(again.url);
      const stranger = new URL(again.url);
      stranger.password = new URL(first.url).password;
      await expect(ask(stranger.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
    },
  );

  it('starts although its connection.json was lost', async () => {
    const first = await start();
    await first.stop();
    rmSync(join(dataDir, 'connection.json'));

    expect(await ask((await start()).url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('says when the server has ended by itself', async () => {
    const server = await start();
    process.kill(server.pid, 'SIGKILL');
    await server.ended;
    await server.stop();
    running = undefined;
    expect(await ask((await start()).url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('gives the port as the reason when the one it was told to use is taken', async () => {
    const other = await start();
    const port = Number(new URL(other.url).port);
    const second = join(dataDir, '..', 'second');
    await expect(
      startEmbeddedPostgres({ dataDir: second, durable: false, port, log: () => undefined }),
    ).rejects.toMatchObject({
      code: 'database.embedded-start-failed',
      message: expect.stringContaining('could not bind'),
    });
  });
});

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const answers = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });

/** A launcher in a process of its own, so that it can be killed; the table `kept` is committed before it reports. */
async function launchElsewhere(dataDir: string): Promise<{ child: ChildProcess; pid: number }> {
  const program = `
    import { Client } from 'pg';
    import { startEmbeddedPostgres } from ${JSON.stringify(launcher)};
    const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, durable: true, log: () => undefined });
    const client = new Client({ connectionString: server.url });
    await client.connect();
    await client.query('create table kept as select 42 as answer');
    await client.end();
    process.stdout.write(String(server.pid) + '\\n');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: import.meta.dirname,
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())));
    child.once('exit', () => reject(new Error('The launcher ended without reporting.')));
  });
  return { child, pid };
}
