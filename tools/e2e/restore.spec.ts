// A dump becomes a product in another cluster by the very commands that the guide gives to the operator.
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { issueDevelopmentToken, startEmbeddedPostgres } from '@groundwork/configuration';
import { testDatabase } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { productSettings } from '../../apps/cli/src/product.ts';
import { clientFeed, clientFeeds } from './change-feed.ts';
import { expectNothingLostNorTwice, rowsOf, settled } from './observed-log.ts';
import { deliver, type Accepted } from './producer.ts';
import { startProgram, untilReady } from './program.ts';
import { sendTo, type Send } from './started-product.ts';

const ROOT = join(import.meta.dirname, '../..');
const execute = promisify(execFile);

const guide = readFileSync(join(ROOT, 'docs/guides/operate.md'), 'utf8');
const section = guide.split('\n## Back up and restore\n')[1]!.split('\n### ')[0]!;
const [dump, restore, verify] = [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, commands]) => commands!);
const [, backupRole] = /`(create role gw_backup [^`]+)`/.exec(section)!;

// Debian has them as postgresql-client; they are in no registry of npm. Older ones than the server refuse to dump it.
const hasClientTools = ['pg_dump', 'pg_restore', 'psql', 'createdb'].every((tool) => {
  const { stdout } = spawnSync(tool, ['--version'], { encoding: 'utf8' });
  return Number(/\d+/.exec(stdout ?? '')?.[0]) >= serverMajor();
});

const feeds = clientFeeds('Saved', 4, 80);
/** Enough for a snapshot of each client, which is kept every 50 events. */
const BEFORE_DUMP = 55;
const AFTER_DUMP = 20;
const keyed = clientFeed('Keyed', 0, 1).changes[0]!.forms[0];
const POST = { method: 'POST', body: keyed, headers: { 'idempotency-key': 'the-first-order' } } as const;

interface Site {
  readonly send: Send;
  readonly database: Client;
  stop(): Promise<void>;
}

(hasClientTools ? describe : describe.skip)('given pg_dump', () => {
  const opened = new AsyncDisposableStack();
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gw-restore-'));
    chmodSync(folder, 0o711);
    opened.defer(() => rmSync(folder, { recursive: true, force: true }));
  });
  afterAll(() => opened.disposeAsync(), 30_000);

  it('S1-50 a dump taken while the product works becomes a product in a new cluster: verified, and all of it goes on', async () => {
    const home = await homeSite();
    const first = await deliver(upTo(BEFORE_DUMP), { post: post(home.send) });
    const order = await home.send('/v1/events/salesforce', POST);
    await settled(home.database);
    const then = await deliverBesideDump(home);
    await settled(home.database);
    await expectNothingLostNorTwice(home.database, feeds, [...first, ...then]);
    const homeHead = await head(home.database);
    await home.stop();

    const { url, urls, database } = await restored(home.database);
    const restoredHead = await head(database);
    expect(restoredHead).toBeGreaterThan(feeds.length * BEFORE_DUMP);
    expect(restoredHead).toBeLessThan(homeHead);
    expect(await eventsUpTo(restoredHead, database)).toEqual(await eventsUpTo(restoredHead, home.database));
    expect(await wholeSnapshots(database)).toBe(feeds.length);
    const known = await commandIds(database);

    // From here on it goes on: what was accepted and not yet processed when the dump was taken is processed now.
    const elsewhere = await site(url, urls);
    expect((await elsewhere.send(`/v1/events?after=${homeHead}`)).status).toBe(409);
    const again = await elsewhere.send('/v1/events/salesforce', POST);
    expect(again.headers.get('location')).toBe(order.headers.get('location'));
    const accepted = await deliver(feeds, { post: post(elsewhere.send) });
    await settled(elsewhere.database);
    await expectNothingLostNorTwice(elsewhere.database, feeds, accepted);
    const answered = new Map(accepted.map(({ change, commandId }) => [change, commandId]));
    const repeated = [...first, ...then].filter(({ commandId }) => known.has(commandId));
    expect(repeated.length).toBeGreaterThanOrEqual(first.length);
    expect(repeated.filter(({ change, commandId }) => answered.get(change) !== commandId)).toEqual([]);
    await elsewhere.stop();
  }, 120_000);

  async function homeSite(): Promise<Site> {
    const { url } = opened.adopt(await testDatabase(), (database) => database.drop());
    return site(url, { api: url, worker: url });
  }

  /** The rest of the feeds; the dump begins among it and is over before its end. */
  async function deliverBesideDump({ send, database }: Site): Promise<readonly Accepted[]> {
    const total = feeds.reduce((count, { changes }) => count + changes.length - BEFORE_DUMP, 0);
    let acceptedCount = 0;
    let dumped: Promise<unknown> | undefined;
    const accepted = await deliver(after(BEFORE_DUMP), {
      post: post(send),
      turn: async () => {
        if (acceptedCount >= total - AFTER_DUMP - feeds.length) await dumped;
      },
      onAccepted: (count) => {
        acceptedCount = count;
        if (count === AFTER_DUMP) dumped = takeDump(database);
      },
    });
    await dumped;
    return accepted;
  }

  async function takeDump(database: Client): Promise<void> {
    await database.query('drop role if exists gw_backup');
    await database.query(`${backupRole} password 'backup'`);
    try {
      const url = new URL(`postgres://gw_backup:backup@${database.host}:${database.port}/${database.database}`);
      await inShell(dump!, { BACKUP_DATABASE_URL: url.href });
    } finally {
      await database.query('drop role gw_backup');
    }
  }

  /** The dump in a cluster of its own, verified; nobody works on it yet. */
  async function restored(before: Client) {
    const dataDir = join(folder, 'elsewhere');
    const server = await startEmbeddedPostgres({ dataDir, durable: false, log: () => undefined });
    opened.defer(() => server.stop());
    const { port, password } = new URL(server.url);
    expect(port).not.toBe(String(before.port));
    await inShell(restore!, { PGHOST: '127.0.0.1', PGPORT: port, PGUSER: 'postgres', PGPASSWORD: password });
    const urlOf = (login: string): string => `postgres://${login}:new@127.0.0.1:${port}/shop`;
    const administrator = new Client({ connectionString: server.url });
    await administrator.connect();
    for (const login of ['gw_api', 'gw_worker', 'gw_migration']) {
      await administrator.query(`alter role ${login} password 'new'`);
    }
    await administrator.end();
    const printed = await inShell(verify!, { GW_MIGRATION_DATABASE_URL: urlOf('gw_migration') });
    expect(printed).toContain('Everything is as it should be.');
    const url = new URL(server.url);
    url.pathname = '/shop';
    const database = await connected(url.href);
    return { url: url.href, urls: { api: urlOf('gw_api'), worker: urlOf('gw_worker') }, database };
  }

  /** Api and worker on this database, and an administrator's look past them. */
  async function site(url: string, urls: Readonly<Record<'api' | 'worker', string>>): Promise<Site> {
    const database = await connected(url);
    const programs = (['api', 'worker'] as const).map((name) =>
      startProgram(name, { GW_DATA_DIR: folder, DATABASE_URL: urls[name] }),
    );
    const stop = async (): Promise<void> => {
      for (const program of programs) program.kill('SIGTERM');
      await Promise.all(programs.map(({ exitCode }) => exitCode));
    };
    opened.defer(stop);
    await untilReady(...programs);
    const token = await issueDevelopmentToken(productSettings({ GW_DATA_DIR: folder }).security);
    return { send: sendTo(await programs[0]!.url(), `Bearer ${token}`), database, stop };
  }

  async function connected(connectionString: string): Promise<Client> {
    const client = new Client({ connectionString });
    await client.connect();
    opened.defer(() => client.end());
    return client;
  }

  async function inShell(commands: string, env: Readonly<Record<string, string>>): Promise<string> {
    const gw = `npx() { shift; '${process.execPath}' '${join(ROOT, 'apps/cli/bin/gw.js')}' "$@"; }\n`;
    const { stdout } = await execute('sh', ['-ec', gw + commands], {
      cwd: folder,
      env: { PATH: process.env['PATH'], GW_DATA_DIR: folder, ...env },
    });
    return stdout;
  }
});

const upTo = (count: number) => feeds.map((feed) => ({ ...feed, changes: feed.changes.slice(0, count) }));
const after = (count: number) => feeds.map((feed) => ({ ...feed, changes: feed.changes.slice(count) }));

const post =
  (send: Send) =>
  (body: string): Promise<Response> =>
    send('/v1/events/salesforce', { method: 'POST', body });

async function head(database: Client): Promise<number> {
  const [row] = await rowsOf<{ head: number }>(database, 'select max(position)::int as head from groundwork.event');
  return row!.head;
}

/** Every column of every event, but for the numbers of streams, which nobody outside the database sees. */
const eventsUpTo = (position: number, database: Client): Promise<unknown[]> =>
  rowsOf(
    database,
    `select count(*) as count, md5(string_agg(groundwork.event_text(e, s.type, s.id), '' order by e.position)) as digest
       from groundwork.event e join groundwork.stream s using (stream_id) where e.position <= $1`,
    [position],
  );

async function wholeSnapshots(database: Client): Promise<number> {
  const rows = await rowsOf(
    database,
    `select from groundwork.snapshot n join groundwork.event e using (stream_id, stream_version, position)
      where n.digest = sha256(convert_to(n.state, 'UTF8'))`,
  );
  return rows.length;
}

async function commandIds(database: Client): Promise<ReadonlySet<string>> {
  const rows = await rowsOf<{ id: string }>(database, 'select command_id as id from groundwork.command');
  return new Set(rows.map(({ id }) => id));
}

function serverMajor(): number {
  const { optionalDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    optionalDependencies: Readonly<Record<string, string>>;
  };
  return parseInt(Object.values(optionalDependencies)[0]!, 10);
}
