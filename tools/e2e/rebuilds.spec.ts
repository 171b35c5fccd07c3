// Read models rebuilt and repaired by `gw`, with programs of their own that are killed meanwhile.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EventStore } from '@groundwork/application';
import { compose, contextModules, platformModules, readSettings } from '@groundwork/configuration';
import { parseTenantId, streamId } from '@groundwork/domain';
import { eventually, newEvent } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { contexts } from '../../apps/cli/src/contexts.ts';
import { program } from '../../apps/cli/src/program.ts';
import { run } from '../../apps/cli/src/run.ts';
import { startInstallation, type Installation } from './installation.ts';
import { rowsOf, settled } from './observed-log.ts';
import { startProgram, type Program } from './program.ts';

const CLIENT_LIST = 'clients.client-list';
const CLIENTS = Array.from({ length: 20 }, (_, n) => `001Kz00000Bq${String(n).padStart(3, '0')}NIAV`.slice(0, 18));
const CHANGES_PER_CLIENT = 100;

interface Operation {
  readonly id: string;
  readonly state: string;
  readonly done: string;
  readonly total: string;
}

let installation: Installation;
let worker: Program;
beforeAll(async () => {
  installation = await startInstallation('rebuilds');
  await fillLog();
  // Small batches: there is a middle in which to kill.
  worker = startWorker({ GW_WORKER_BATCH_SIZE_MAX: '10' });
  await eventually(
    async () => (await rowsOf(installation.client, 'select from groundwork.projection_slice')).length > 0,
  );
  await settled(installation.client);
}, 90_000);
afterAll(async () => {
  worker?.kill('SIGKILL');
  await worker?.exitCode;
  await installation?.stop();
}, 60_000);

const startWorker = (settings: Readonly<Record<string, string>> = {}): Program =>
  startProgram('worker', { ...installation.settings(), GW_WORKER_POLL_INTERVAL_MS: '100', ...settings });

async function fillLog(): Promise<void> {
  const settings = readSettings({ ...installation.settings(), LOG_LEVEL: 'error' }, contexts);
  const modules = [...platformModules(settings, 'worker'), ...contextModules(contexts, settings)];
  await using app = await compose({ program: 'worker', modules });
  const changes = (client: string) =>
    Array.from({ length: CHANGES_PER_CLIENT }, (_, n) =>
      newEvent(n === 0 ? 'ClientCreated' : 'ClientUpdated', {
        ChangeEventHeader: {
          entityName: 'Account',
          recordIds: [client],
          changeType: n === 0 ? 'CREATE' : 'UPDATE',
          transactionKey: `${client}-${n}`,
          sequenceNumber: 1,
          commitTimestamp: 1_778_192_980_000 + n,
          nulledFields: [],
          diffFields: [],
          changedFields: ['Name'],
        },
        Name: `${client} ${n}`,
      }),
    );
  const append = (client: string, events: ReturnType<typeof changes>) =>
    app
      .get(EventStore)
      .append({ tenant: parseTenantId('demo'), stream: streamId('client', client), expected: 'any', events });
  // In turn: each slice has something to do along the whole log.
  const all = CLIENTS.map(changes);
  for (let n = 0; n < CHANGES_PER_CLIENT; n += 10) {
    await Promise.all(CLIENTS.map((client, at) => append(client, all[at]!.slice(n, n + 10))));
  }
}

/** In this process, as whoever may do everything. */
async function gw(...args: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const printed = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    jest.spyOn(process[name], 'write').mockImplementation((text) => {
      printed[name] += String(text);
      return true;
    }),
  );
  Object.assign(process.env, environment());
  try {
    return { status: await run(program(), ['projections', ...args]), ...printed };
  } finally {
    for (const spy of spies) spy.mockRestore();
    for (const name of Object.keys(environment())) delete process.env[name];
  }
}
/** The migrations' login, which the api does not ask for. */
function environment(): Record<string, string> {
  const url = new URL(installation.database.url);
  url.pathname = new URL(installation.settings()['DATABASE_URL']!).pathname;
  return { ...installation.settings(), DATABASE_URL: url.href };
}
const onApi = (): readonly string[] => ['--url', installation.url, '--token', installation.token];
const operate = async (...args: readonly string[]) => {
  const { status, stdout, stderr } = await gw(...args, ...onApi(), '--json');
  return { status, json: (stdout === '' ? {} : JSON.parse(stdout)) as Record<string, unknown>, stderr };
};

const body = async <T>(path: string): Promise<T> => (await (await installation.send(path)).json()) as T;
const shown = () => body<unknown>('/v1/clients?limit=100');
const newest = async (): Promise<Operation> => (await body<{ items: Operation[] }>('/v1/operations?limit=1')).items[0]!;
const plant = (sql: string) => installation.client.query(sql);
const checksum = () =>
  rowsOf(
    installation.client,
    "select md5(string_agg(name || stream_version, e'\\n' order by aggregate_id)) from clients.client",
  );

describe('gw projections', () => {
  it('S1-67 repair goes on after SIGKILL of worker and command, while the old table is read until the switch', async () => {
    const [before, sum] = [await shown(), await checksum()];
    await plant(`
      alter table clients.client add column nickname text default 'left over';
      alter table clients.client alter column industry type varchar(200);
      alter table clients.client no force row level security`);
    const drift = await gw('drift', '--json');
    expect([drift.status, drift.stdout.match(/"kind": "[a-z-]+"/g)]).toEqual([
      3,
      ['"kind": "column-type"', '"kind": "column-extra"', '"kind": "row-security-off"'],
    ]);
    const file = join(installation.settings()['GW_DATA_DIR']!, 'drift.json');
    writeFileSync(file, drift.stdout);

    let isOver = false;
    const reads: unknown[] = [];
    const reading = (async () => {
      while (!isOver) reads.push(await shown());
    })();
    const command = spawn(
      process.execPath,
      [
        join(import.meta.dirname, '../../apps/cli/bin/gw.js'),
        'projections',
        'repair',
        '--drift-report',
        file,
        ...onApi(),
      ],
      { env: { PATH: process.env['PATH'], ...environment() }, stdio: 'ignore' },
    );
    const middle = await eventually(async () => {
      const operation = await newest();
      return operation !== undefined && operation.done !== '0' && operation;
    }, 20_000);
    worker.kill('SIGKILL');
    command.kill('SIGKILL');
    await Promise.all([worker.exitCode, new Promise((resolve) => command.once('exit', resolve))]);
    expect([middle.state, Number(middle.done) < Number(middle.total)]).toEqual(['running', true]);
    expect((await gw('drift')).status).toBe(3);

    worker = startWorker();
    const resumed = await operate('repair', '--drift-report', file, '--resume');
    isOver = true;
    await reading;
    expect([resumed.status, resumed.json]).toEqual([0, [expect.objectContaining({ id: middle.id, state: 'done' })]]);
    const progress = resumed.stderr.match(/\((\d+) of \d+/g)!.map((text) => Number(/\d+/.exec(text)![0]));
    expect(Math.min(...progress)).toBeGreaterThanOrEqual(Number(middle.done));
    expect(reads.length).toBeGreaterThan(10);
    for (const read of reads) expect(read).toEqual(before);
    expect((await gw('drift')).status).toBe(0);
    expect([await shown(), await checksum()]).toEqual([before, sum]);

    const again = await operate('repair', '--drift-report', file, '--resume');
    expect([again.status, again.json]).toEqual([0, [expect.objectContaining({ id: middle.id, state: 'done' })]]);
  }, 60_000);

  it('S1-67 repair takes one projection, all of them, or a report, and nothing else', async () => {
    expect(await operate('repair', '--projection', CLIENT_LIST)).toMatchObject({
      status: 0,
      json: [{ state: 'done' }],
    });
    expect(await operate('repair', '--all')).toMatchObject({
      status: 0,
      json: [{ projection: CLIENT_LIST, state: 'done', comparison: { rows: 20, added: 0, removed: 0, changed: 0 } }],
    });
    for (const wrong of [[], ['--all', '--projection', CLIENT_LIST]])
      expect((await operate('repair', ...wrong)).status).toBe(2);
    expect((await operate('repair', '--projection', 'unknown')).stderr).toContain('projection.unknown');
    expect((await operate('repair', '--drift-report', 'no-such-file')).stderr).toContain('cli.unreadable-file');
  }, 30_000);

  it('rebuild, rollback and drop-previous exchange the tables and tell what has changed', async () => {
    const name = `update clients.client set name = 'spoilt' where aggregate_id = '${CLIENTS[0]}'`;
    await plant(name);
    const rebuilt = await gw('rebuild', CLIENT_LIST, ...onApi());
    expect([rebuilt.status, rebuilt.stdout]).toEqual([
      0,
      expect.stringMatching(/^done: 20 rows; .* 1 changed\nchanged columns: name 1\n/),
    ]);
    expect(await operate('rollback', CLIENT_LIST)).toMatchObject({ status: 0, json: { state: 'rolled-back' } });
    expect(await operate('rollback', CLIENT_LIST)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('projection.nothing-to-roll-back'),
    });

    const begun = await operate('rebuild', CLIENT_LIST, '--no-wait');
    expect(begun).toMatchObject({ status: 0, json: { state: 'running' } });
    expect((await operate('rebuild', CLIENT_LIST)).stderr).toContain('projection.rebuild-open');
    await eventually(async () => (await newest()).state === 'done', 20_000);
    expect(await operate('drop-previous', CLIENT_LIST)).toMatchObject({ status: 0, json: { previousKept: false } });
    expect(JSON.stringify(await shown())).not.toContain('spoilt');
  }, 30_000);

  it('shadow shows what would change; switch makes it live, cancel leaves everything as it was', async () => {
    const shadow = await gw('shadow', CLIENT_LIST, ...onApi());
    expect([shadow.status, shadow.stdout]).toEqual([0, expect.stringContaining('Nothing is switched yet')]);
    expect(await operate('cancel', CLIENT_LIST)).toMatchObject({ status: 0, json: { state: 'cancelled' } });
    expect((await operate('shadow', CLIENT_LIST)).json).toMatchObject({ state: 'waiting', differences: [] });
    expect(await operate('switch', CLIENT_LIST)).toMatchObject({ status: 0, json: { state: 'done' } });
  }, 30_000);

  it('rebuild --stream makes the rows of one stream again, and leaves the others as they are', async () => {
    await plant(
      `update clients.client set name = 'spoilt', stream_version = 9999 where aggregate_id in ('${CLIENTS[0]}', '${CLIENTS[1]}')`,
    );
    const { status, stdout } = await gw('rebuild', CLIENT_LIST, '--stream', `client/${CLIENTS[0]}`, ...onApi());
    expect([status, stdout]).toEqual([0, expect.stringContaining('1 rows made again, 0 that its events have removed')]);
    const rows = await rowsOf(installation.client, `select name from clients.client order by aggregate_id limit 2`);
    expect(rows).toEqual([{ name: `${CLIENTS[0]} ${CHANGES_PER_CLIENT - 1}` }, { name: 'spoilt' }]);

    const unknown = await operate('rebuild', CLIENT_LIST, '--stream', 'client/nobody');
    expect([unknown.status, unknown.json]).toMatchObject([
      3,
      { status: 'failed', error: { code: 'projection.stream-unknown' } },
    ]);
    expect((await operate('rebuild', CLIENT_LIST, '--stream', 'nobody')).stderr).toContain('stream.malformed');
    expect(await operate('rebuild', CLIENT_LIST, '--stream', `client/${CLIENTS[1]}`)).toMatchObject({
      status: 0,
      json: { status: 'processed', result: { rows: 1, removed: 0 } },
    });
  }, 30_000);
});
