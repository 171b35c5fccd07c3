// A deleted client in the archive: its history is shown, its row rebuilt, its return refused until it is restored.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { issueDevelopmentToken } from '@groundwork/configuration';
import { testDatabase } from '@groundwork/testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { productSettings } from '../../apps/cli/src/product.ts';
import { clientFeed, type ClientFeed } from './change-feed.ts';
import { clientRows, settled } from './observed-log.ts';
import { deliver } from './producer.ts';
import { startProgram, untilReady } from './program.ts';
import { holds, sendTo, type Send } from './started-product.ts';

const GW = join(import.meta.dirname, '../../apps/cli/bin/gw.js');
const execute = promisify(execFile);
const whole = clientFeed('Gone', 0, 60);
const deletedAt = whole.changes.findIndex(({ kind }) => kind === 'DELETE');
const gone: ClientFeed = { ...whole, changes: whole.changes.slice(0, deletedAt + 1) };
const living = clientFeed('Here', 1, 1);
const back = whole.changes[deletedAt + 1]!;

const opened = new AsyncDisposableStack();
let settings: Record<string, string>;
let database: Client;
let send: Send;
let apiUrl: string;
let token: string;

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gw-e2e-archive-'));
  opened.defer(() => rmSync(folder, { recursive: true }));
  const { url } = opened.adopt(await testDatabase(), (given) => given.drop());
  settings = { GW_DATA_DIR: folder, GW_ARCHIVE_DIR: join(folder, 'archive'), DATABASE_URL: url };
  database = new Client({ connectionString: url });
  await database.connect();
  opened.defer(() => database.end());
  const programs = (['api', 'worker'] as const).map((name) => startProgram(name, settings));
  opened.defer(async () => {
    for (const program of programs) program.kill('SIGKILL');
    await Promise.all(programs.map(({ exitCode }) => exitCode));
  });
  await untilReady(...programs);
  token = await issueDevelopmentToken(productSettings({ GW_DATA_DIR: folder }).security);
  apiUrl = await programs[0]!.url();
  send = sendTo(apiUrl, `Bearer ${token}`);
}, 60_000);
afterAll(() => opened.disposeAsync(), 30_000);

it('S1-76 a deleted client is archived: history, replay and rebuild are what they were, and it returns once it is restored', async () => {
  const post = (body: string): Promise<Response> => send('/v1/events/salesforce', { method: 'POST', body });
  expect(back.kind).toBe('UNDELETE');
  await deliver([gone, living], { post });
  await settled(database);
  const before = await everythingSeen();
  expect(before.history).toHaveLength(gone.changes.length);

  const archived = { streams: 1, events: gone.changes.length };
  expect(await gw('archive', 'run', '--closed-for', '0m')).toMatchObject(archived);
  const { rows } = await database.query(`select from groundwork.event where type like 'Client%'`);
  expect(rows).toHaveLength(living.changes.length);
  expect(await everythingSeen()).toEqual(before);
  const rebuild = await send('/v1/projections/clients.client-list/rebuild', { method: 'POST' });
  const operation = rebuild.headers.get('location')!;
  await holds(async () => expect(await json(operation)).toMatchObject({ state: 'done', errors: [] }), 30_000);
  expect(await everythingSeen()).toEqual(before);

  const refused = (await post(back.forms[0])).headers.get('location')!;
  const reason = { status: 'failed', error: { code: 'event-store.stream-archived' } };
  await holds(async () => expect(await json(refused)).toMatchObject(reason));
  expect(await gw('archive', 'restore', `client/${gone.clientId}`)).toMatchObject(archived);
  expect((await send(`${refused}/retry`, { method: 'POST' })).status).toBe(202);
  await holds(async () => expect(await json(refused)).toMatchObject({ status: 'processed' }));
  await holds(async () => {
    expect(await clientRows(database, [gone.clientId])).toMatchObject([{ is_deleted: false }]);
  });
  expect((await everythingSeen()).history).toHaveLength(gone.changes.length + 1);
  expect(await gw('verify')).toMatchObject({ findings: [] });
}, 90_000);

async function everythingSeen() {
  const { items: stream } = (await json(`/v1/streams/client/${gone.clientId}?limit=100`)) as { items: unknown[] };
  const { items: history } = (await json(`/v1/clients/${gone.clientId}/history?limit=100`)) as { items: unknown[] };
  const replay = await gw('replay', `client/${gone.clientId}`, '--steps', '--url', apiUrl, '--token', token);
  return { stream, history, replay, rows: await clientRows(database, [gone.clientId, living.clientId]) };
}

const json = async (path: string): Promise<unknown> => (await send(path)).json();

/** What `gw` prints as JSON. */
async function gw(...args: readonly string[]): Promise<unknown> {
  const { stdout } = await execute(process.execPath, [GW, ...args, '--json'], {
    env: { PATH: process.env['PATH'], ...settings },
  });
  return JSON.parse(stdout);
}
