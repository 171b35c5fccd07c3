// The main job on one machine: database, migrations, api and worker, until it is told to stop.
import { issueDevelopmentToken, migrate } from '@groundwork/configuration';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CommandFailed } from '../errors.ts';
import { productMigrations, type ProductSettings } from '../product.ts';
import { startHealingDatabase, type HealingDatabase } from './healing-database.ts';
import { superviseProcess, type SupervisedProcess } from './supervised-process.ts';
import { linksOf, welcome } from './welcome.ts';

const READY_WAIT_MAX_MS = 90_000;
const READY_POLL_MS = 50;
const PORT_MAX = 65_535;

/** Resolves when `stop` is aborted and everything has ended, the database last. Throws when it cannot start. */
export async function start(
  settings: ProductSettings,
  env: NodeJS.ProcessEnv,
  stop: AbortSignal,
  json: boolean,
): Promise<void> {
  const ports = portsOf(settings);
  refuseUnusable(Object.values(ports));
  for (const { number, setting } of Object.values(ports)) await refuseTaken(number, setting);

  await using running = new AsyncDisposableStack();
  const database = await databaseOf(settings, note);
  running.defer(() => database.stop());
  const { executed } = await migrate(database.urls.migration, await productMigrations(settings));
  if (settings.persistence.pumpNotifications === 'decoding') await database.allowDecoding();
  if (executed.length > 0) note(`${executed.length} migrations have been run.`);

  const shared = { ...withoutDatabase(env), PORT: String(ports.api.number) };
  const worker = launch('worker', {
    ...shared,
    DATABASE_URL: database.urls.worker,
    MANAGEMENT_PORT: String(ports.workerManagement.number),
  });
  running.defer(() => worker.stop());
  const api = launch('api', {
    ...shared,
    DATABASE_URL: database.urls.api,
    MANAGEMENT_PORT: String(ports.apiManagement.number),
  });
  running.defer(() => api.stop());

  const readiness = [ports.apiManagement, ports.workerManagement].map(({ number }) => untilReady(number, stop));
  await Promise.race([Promise.all(readiness), api.failed, worker.failed]);
  if (!stop.aborted) {
    api.confirm();
    worker.confirm();
    const token = await issueDevelopmentToken(settings.security).catch(() => undefined);
    process.stdout.write(json ? `${JSON.stringify(linksOf(ports))}\n` : welcome(ports, token));
    await aborted(stop);
  }
  note('Stopping: api, worker, database.');
}

export interface Ports {
  readonly api: Port;
  readonly apiManagement: Port;
  readonly workerManagement: Port;
}
interface Port {
  readonly number: number;
  readonly setting: string;
}

/** The worker's management port is the one above the api's, so that one setting moves both. */
function portsOf({ http, monitoring }: ProductSettings): Ports {
  return {
    api: { number: http.port, setting: 'PORT' },
    apiManagement: { number: monitoring.managementPort, setting: 'MANAGEMENT_PORT' },
    workerManagement: { number: monitoring.managementPort + 1, setting: 'MANAGEMENT_PORT (the worker takes the next)' },
  };
}

/** Each program has to be told where it is, and has to be found there: a port that the system chooses will not do. */
function refuseUnusable(ports: readonly Port[]): void {
  for (const [at, { number, setting }] of ports.entries()) {
    const isTwice = ports.findIndex((other) => other.number === number) < at;
    if (number >= 1 && number <= PORT_MAX && !isTwice) continue;
    throw new CommandFailed(
      'cli.port-unusable',
      isTwice ? `Port ${number} is given to two programs.` : `gw start cannot use port ${number}.`,
      `Choose a free port from 1 to ${PORT_MAX} of its own with ${setting}.`,
      { port: number },
    );
  }
}

async function refuseTaken(port: number, setting: string): Promise<void> {
  const server = createServer();
  const taken = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(true));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(false)));
  });
  if (!taken) return;
  throw new CommandFailed(
    'cli.port-taken',
    `Port ${port} is used by another program.`,
    `Stop that program, or choose another port with ${setting}.`,
    { port },
  );
}

async function databaseOf(
  { persistence, security }: ProductSettings,
  say: (line: string) => void,
): Promise<HealingDatabase> {
  const { databaseUrl: url, migrationDatabaseUrl: migration = url } = persistence;
  if (url === undefined || migration === undefined) {
    const isDecodable = persistence.pumpNotifications === 'decoding';
    return startHealingDatabase({ dataDir: security.dataDir, isDecodable }, say);
  }
  // What has to be set up in a database of one's own is its administrator's to do.
  const [stop, allowDecoding] = [async () => undefined, async () => undefined];
  return { urls: { migration, api: url, worker: url }, allowDecoding, stop };
}

/** Each program is told its own login; that of the migrations is none of their business. */
const withoutDatabase = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !/^(GW_MIGRATION_)?DATABASE_URL(_FILE)?$/.test(name)));

function launch(name: 'api' | 'worker', env: NodeJS.ProcessEnv): SupervisedProcess {
  const onTerminal = process.stdout.isTTY;
  return superviseProcess({
    name,
    program: fileURLToPath(new URL(`../../../${name}/src/main.ts`, import.meta.url)),
    env: onTerminal ? { GW_LOG_FORMAT: 'pretty', ...env } : env,
    // JSON lines say themselves which program they come from, and stay readable for programs.
    line: (text) => process.stdout.write(onTerminal ? `${name.padEnd(6)} ${text}\n` : `${text}\n`),
    note,
  });
}

async function untilReady(managementPort: number, stop: AbortSignal): Promise<void> {
  const deadline = Date.now() + READY_WAIT_MAX_MS;
  const url = `http://127.0.0.1:${managementPort}/readyz`;
  while (!stop.aborted) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (answer?.ok) return;
    if (Date.now() > deadline) {
      throw new CommandFailed(
        'cli.not-ready',
        `${url} did not answer 200 within ${READY_WAIT_MAX_MS / 1000} s.`,
        'Look at the last log lines above.',
      );
    }
    await sleep(READY_POLL_MS);
  }
}

const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => (signal.aborted ? resolve(undefined) : signal.addEventListener('abort', resolve)));

function note(line: string): void {
  process.stdout.write(`${line}\n`);
}
