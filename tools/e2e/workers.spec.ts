import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  issueDevelopmentToken,
  migrate,
  prepareEmbeddedDatabase,
  startEmbeddedPostgres,
  type DatabaseUrls,
  type EmbeddedPostgres,
} from '@groundwork/configuration';
import { eventually } from '@groundwork/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { productMigrations, productSettings } from '../../apps/cli/src/product.ts';
import { clientFeeds } from './change-feed.ts';
import { expectNothingLostNorTwice, rowsOf, settled, withDatabase } from './observed-log.ts';
import { deliver } from './producer.ts';
import { startProgram, untilReady, type Program } from './program.ts';
import { holds, sendTo, type Send } from './started-product.ts';

const KILL_COUNT = 50;
const KILL_MOMENT_MAX_MS = 40;
const CHANGES_PER_KILL = 60;
const POST = { method: 'POST' } as const;

describe('api and workers on a PostgreSQL of ours', () => {
  const programs: Program[] = [];
  let dataDir: string;
  let database: EmbeddedPostgres;
  let urls: DatabaseUrls;
  let settings: Record<string, string>;
  let api: Program;
  let send: Send;

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'gw-workers-'));
    chmodSync(dataDir, 0o711);
    await startDatabase();
    urls = await prepareEmbeddedDatabase(database.url);
    await migrate(urls.migration, await productMigrations(productSettings({})));
    // A worker that died is believed dead after this long.
    const leases = { GW_WORKER_LEASE_MS: '3000', GW_WORKER_COMMAND_LEASE_MS: '3000' };
    settings = { GW_DATA_DIR: dataDir, ...leases };
    await startApi();
  }, 60_000);
  afterEach(async () => {
    for (const worker of programs.filter((program) => program !== api)) await end(worker, 'SIGKILL');
  }, 10_000);
  afterAll(async () => {
    for (const program of programs) program.kill('SIGKILL');
    await Promise.all(programs.map(({ exitCode }) => exitCode));
    await database?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }, 60_000);

  async function startDatabase(): Promise<void> {
    const port = database === undefined ? {} : { port: Number(new URL(database.url).port) };
    database = await startEmbeddedPostgres({ dataDir, durable: true, ...port, log: () => undefined });
  }
  function start(name: 'api' | 'worker'): Program {
    const program = startProgram(name, { ...settings, DATABASE_URL: urls[name] });
    programs.push(program);
    return program;
  }
  async function startApi(): Promise<void> {
    api = start('api');
    const token = await issueDevelopmentToken(productSettings({ GW_DATA_DIR: dataDir }).security);
    send = sendTo(await api.url(), `Bearer ${token}`);
    await untilReady(api);
  }
  async function end(program: Program, signal: NodeJS.Signals): Promise<number | null> {
    programs.splice(programs.indexOf(program), 1);
    program.kill(signal);
    return program.exitCode;
  }
  const post = (body: string): Promise<Response> => send('/v1/events/salesforce', { ...POST, body });
  const bodyOf = async (path: string): Promise<unknown> => (await send(path)).json();

  it('S0-60 what was answered 202 is processed or refused, though everything is killed right behind the answer', async () => {
    const feeds = clientFeeds('Early', 5, 2);
    const accepted = await deliver(feeds, { post });
    const { forms, clientId } = feeds[0]!.changes[0]!;
    const again = await post(forms[0].replace(`e2e-${clientId}-1`, 'another-creation'));
    expect([again.status, again.headers.get('location')]).toEqual([202, expect.stringMatching(/^\/v1\/commands\//)]);
    const { id: refusedId } = (await again.json()) as { id: string };
    process.kill(database.pid, 'SIGKILL');
    await Promise.all([end(api, 'SIGKILL'), database.ended]);
    await database.stop();

    await startDatabase();
    await startApi();
    for (const { commandId } of accepted) {
      expect(await bodyOf(`/v1/commands/${commandId}`)).toMatchObject({ status: 'pending', attempts: 0 });
    }
    const worker = start('worker');
    await withDatabase(dataDir, async (client) => {
      await settled(client);
      await expectNothingLostNorTwice(client, feeds, accepted, [refusedId]);
    });
    for (const { commandId } of accepted) {
      expect(await bodyOf(`/v1/commands/${commandId}`)).toMatchObject({ status: 'processed', error: null });
    }
    expect(await bodyOf(again.headers.get('location')!)).toMatchObject({
      status: 'failed',
      result: null,
      error: { code: 'client.already-exists' },
    });
    await end(worker, 'SIGTERM');
  }, 60_000);

  it('S0-80 two workers share the clients: each applies its slices side by side, and every client stays in order', async () => {
    const workers = [start('worker'), start('worker')];
    await untilReady(...workers);
    const feeds = clientFeeds('Two', 24, 40);
    await withDatabase(dataDir, async (client) => {
      const before = await eventually(async () => {
        const slices = await rowsOf<Slice>(client, SLICES);
        const owners = new Set(slices.map(({ owner }) => owner));
        return owners.size === 2 && !owners.has(null) ? slices : undefined;
      }, 20_000);

      const accepted = await deliver(feeds, { post });
      await settled(client);

      const after = await rowsOf<Slice>(client, SLICES);
      expect(after.map(ownership)).toEqual(before.map(ownership));
      const applied = await rowsOf<{ slice: number; events: number }>(client, EVENTS_BY_SLICE, [
        ids(feeds),
        after.length,
      ]);
      expect(applied.map(({ slice }) => slice)).toEqual(after.map(({ slice }) => slice));
      for (const worker of workers) {
        expect(await worker.metric('groundwork_projection_latency_seconds_count')).toBeGreaterThan(0);
        expect(await worker.metric('groundwork_command_duration_seconds_count', 'processed')).toBeGreaterThan(0);
      }
      await expectNothingLostNorTwice(client, feeds, accepted);
    });
    for (const worker of workers) expect(await end(worker, 'SIGTERM')).toBe(0);
  }, 60_000);

  interface Slice extends Record<string, unknown> {
    readonly slice: number;
    readonly owner: string | null;
    readonly epoch: number;
  }
  const ownership = ({ slice, owner, epoch }: Slice): unknown => ({ slice, owner, epoch });
  const ids = (feeds: readonly { clientId: string }[]): readonly string[] => feeds.map(({ clientId }) => clientId);
  const SLICES = `
    select slice, case when lease_until > clock_timestamp() then owner end as owner, epoch
      from groundwork.projection_slice where projection = 'clients.client-list' order by slice`;
  const EVENTS_BY_SLICE = `
    select (e.stream_id % $2)::int as slice, count(*)::int as events
      from groundwork.event e join groundwork.stream s using (stream_id)
     where s.id = any ($1) group by 1 order by 1`;

  it(`${KILL_COUNT} kills of workers under load lose nothing, do nothing twice and keep every client in order`, async () => {
    const feeds = clientFeeds('Fifty', 20, (KILL_COUNT * CHANGES_PER_KILL) / 20);
    let [kills, sent] = [0, 0];
    const turn = async (): Promise<void> => {
      await eventually(() => sent < CHANGES_PER_KILL * (kills + 1), 60_000);
      sent++;
    };
    const dieAgainAndAgain = async (): Promise<void> => {
      for (let life = 0; life < KILL_COUNT / 2; life++) {
        const worker = start('worker');
        // It works: what it has begun is cut off at any moment from here on.
        await eventually(() => worker.lines.some((line) => line.includes('A command was processed.')), 60_000);
        await sleep(Math.random() * KILL_MOMENT_MAX_MS);
        expect(await end(worker, 'SIGKILL')).toBe(null);
        kills++;
      }
    };
    const [accepted] = await Promise.all([deliver(feeds, { post, turn }), dieAgainAndAgain(), dieAgainAndAgain()]);
    expect(kills).toBe(KILL_COUNT);

    start('worker');
    await withDatabase(dataDir, async (client) => {
      await settled(client);
      await expectNothingLostNorTwice(client, feeds, accepted);
      const [counted] = await rowsOf<{ repeated: number }>(client, REPEATED);
      expect(counted!.repeated).toBeGreaterThan(0);
    });
  }, 240_000);

  /** Commands that a second worker had to run because the first was killed in the middle. */
  const REPEATED = 'select count(*)::int as repeated from groundwork.command where attempts > 1';

  it('S0-22, S1-49 every pooled connection may be terminated: the next requests succeed', async () => {
    await untilReady(start('worker'));
    for (let round = 0; round < 3; round++) {
      expect((await send('/v1/clients')).status).toBe(200);
      const ended = await withDatabase(dataDir, (client) => rowsOf(client, TERMINATE));
      expect(ended.length).toBeGreaterThan(0);
      const answers = await Promise.all(['/v1/clients', '/v1/events', '/v1/projections'].map((path) => send(path)));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
      await withDatabase(dataDir, (client) => rowsOf(client, TERMINATE));
      expect((await post(clientFeeds('Term', round + 1, 1)[round]!.changes[0]!.forms[0])).status).toBe(202);
    }
  }, 30_000);

  const TERMINATE = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename like 'gw_%'";

  for (const how of ['is killed', 'is restarted'] as const) {
    it(`S0-22, S1-49 readiness is red within 5 s when PostgreSQL ${how}, and service is back within 5 s after it`, async () => {
      const worker = start('worker');
      await untilReady(worker);
      const [first] = clientFeeds(how === 'is killed' ? 'Dead' : 'Again', 1, 2);
      if (how === 'is killed') process.kill(database.pid, 'SIGKILL');
      await (how === 'is killed' ? database.ended : undefined);
      await database.stop();
      await eventually(async () => !(await api.isReady()) && !(await worker.isReady()), 5_000);
      expect((await post(first!.changes[0]!.forms[0])).status).toBe(503);

      await startDatabase();
      await holds(async () => {
        const { status, headers } = await post(first!.changes[0]!.forms[0]);
        expect(status).toBe(202);
        expect(await bodyOf(headers.get('location')!)).toMatchObject({ status: 'processed' });
        expect((await send(`/v1/clients/${first!.clientId}`)).status).toBe(200);
        expect([await api.isReady(), await worker.isReady()]).toEqual([true, true]);
      }, 5_000);
    }, 30_000);
  }

  it('S0-23 SIGTERM while requests run finishes them, and leaves no session of ours in PostgreSQL', async () => {
    const worker = start('worker');
    await untilReady(worker);
    const { position } = (await bodyOf('/v1/projections/clients.client-list')) as { position: string };
    await send('/v1/projections/clients.client-list/pause', POST);
    const [feed] = clientFeeds('Last', 1, 1);
    const accepted = await post(feed!.changes[0]!.forms[0]);
    await holds(async () => {
      expect(await bodyOf(accepted.headers.get('location')!)).toMatchObject({ status: 'processed' });
    });
    // The projection stands still, so these requests wait for it until it is let go on.
    const wanted = { 'groundwork-min-position': String(BigInt(position) + 1n), prefer: 'wait=20' };
    const running = Array.from({ length: 8 }, () => send(`/v1/clients/${feed!.clientId}`, { headers: wanted }));
    // Connections are accepted in order: when this one is answered, those before it are being worked on.
    expect((await send('/openapi.json')).status).toBe(200);
    const stopped = end(api, 'SIGTERM');
    await eventually(async () => !(await api.isReady()));
    await withDatabase(dataDir, async (client) => {
      await client.query("update groundwork.projection set state = 'running'");
      expect((await Promise.all(running)).map(({ status }) => status)).toEqual(running.map(() => 200));
      expect(await stopped).toBe(0);
      expect(await end(worker, 'SIGTERM')).toBe(0);
      const sessions = "select application_name from pg_stat_activity where usename like 'gw_%'";
      expect(await rowsOf(client, sessions)).toEqual([]);
    });
  }, 60_000);
});
