// A private PostgreSQL server from npm's binaries, for machines where nobody has set one up.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, openSync, closeSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { chown, mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { binariesFor } from './binaries.ts';
import { connectionFile, knownConnection, remember, type Connection } from './connection-file.ts';
import { EmbeddedDatabaseFailed } from './embedded-errors.ts';
import { locate, type Location } from './location.ts';
import { commandLineOf, isRunning, lockIsHeld, takeLock } from './owner-lock.ts';

export interface EmbeddedPostgresOptions {
  /** Everything the server needs lives here; made when missing. */
  readonly dataDir: string;
  /** False turns fsync off: for tests and throw-away data only. */
  readonly durable: boolean;
  /** Writes what logical decoding needs into the write-ahead log: a little more for each change. */
  readonly isDecodable?: boolean;
  /** Without it a free port is chosen once and remembered in the data directory. */
  readonly port?: number;
  /** Takes one line for each thing a person should know. */
  readonly log: (line: string) => void;
}

export interface EmbeddedPostgres {
  /** A superuser's connection string; loopback only. */
  readonly url: string;
  /** The folder that holds all of it: `dataDir`, or where the server's account may not enter that, another. */
  readonly home: string;
  /** The postmaster's process id. */
  readonly pid: number;
  /** Resolves when the server has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Ends the server, waits for it and gives the data directory free. Calling it again does no harm. */
  stop(): Promise<void>;
}

const START_WAIT_MAX_MS = 120_000;
const STOP_WAIT_MAX_MS = 20_000;
const STATUS_POLL_MS = 20;
const LOG_SIZE_MAX_BYTES = 10_000_000;

/**
 * Starts the server on `dataDir` and resolves when it accepts connections. The first start creates the cluster
 * (UTF-8, checksums, a random password in a file only its owner can read). A server left over from a killed process
 * is stopped first. Throws EmbeddedDatabaseFailed: `database.embedded-in-use` when a living process holds the data
 * directory, `database.embedded-unavailable` where this platform has no binaries, `database.embedded-start-failed`
 * with the server's last words.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const location = await locate(options.dataDir, options.log);
  const unlock = await takeLock(join(location.home, 'owner.json'), options.dataDir);
  try {
    const binaries = await binariesFor(location);
    await endLeftOver(location.cluster, options.log);
    const known = knownConnection(location);
    const connection = await connectionOf(known, options.port);
    if (!existsSync(join(location.cluster, 'PG_VERSION'))) {
      await initialise(location, binaries, connection.password, options.durable);
    } else if (known === undefined) {
      options.log(`${connectionFile(location)} is missing or unreadable; the database gets a new password.`);
      await setPassword(location, binaries, connection.password);
    }
    remember(location, connection);
    const server = await launch(location, binaries, connection, options);
    return {
      url: urlOf(connection),
      home: location.home,
      pid: server.pid,
      ended: server.ended,
      stop: async () => {
        await endServer(server.pid, server.ended);
        await unlock();
      },
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** The superuser's connection string of the server that a living process runs on `dataDir`; undefined without one. */
export async function runningEmbeddedPostgres(dataDir: string): Promise<string | undefined> {
  if (!existsSync(dataDir)) return undefined;
  const location = await locate(dataDir, () => undefined);
  const connection = lockIsHeld(join(location.home, 'owner.json')) ? knownConnection(location) : undefined;
  return connection && urlOf(connection);
}

const urlOf = ({ port, password }: Connection): string => `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;

/** The password and port of earlier starts, or new ones. */
async function connectionOf(known: Connection | undefined, port: number | undefined): Promise<Connection> {
  const wanted = port ?? known?.port;
  return {
    password: known?.password ?? randomBytes(24).toString('base64url'),
    port: wanted !== undefined && (port !== undefined || (await isFree(wanted))) ? wanted : await freePort(),
  };
}

/** Creates the cluster beside its final place, so that an interrupted creation leaves nothing that looks complete. */
async function initialise(location: Location, binaries: string, password: string, durable: boolean): Promise<void> {
  const fresh = `${location.cluster}.new`;
  const passwordFile = join(location.home, 'initial-password');
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });
  await writeFile(passwordFile, password, { mode: 0o600 });
  try {
    if (location.account) {
      await chown(fresh, location.account.uid, location.account.gid);
      await chown(passwordFile, location.account.uid, location.account.gid);
    }
    const locale = process.platform === 'darwin' ? ['--locale=C', '--lc-ctype=UTF-8'] : ['--locale=C.UTF-8'];
    const { status, output } = await run(location, join(binaries, 'initdb'), [
      ...['-D', fresh, '-U', 'postgres', '--encoding=UTF8', ...locale, '--auth=scram-sha-256', '--data-checksums'],
      ...[`--pwfile=${passwordFile}`, ...(durable ? [] : ['--no-sync'])],
    ]);
    if (status !== 0) throw startFailed(`PostgreSQL's initdb ended with status ${status}: ${output.trim()}`);
    renameSync(fresh, location.cluster);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

/** Without a server: nobody can log in to a cluster whose password is lost. */
async function setPassword(location: Location, binaries: string, password: string): Promise<void> {
  const args = ['--single', '-D', location.cluster, 'postgres'];
  const { status, output } = await run(
    location,
    join(binaries, 'postgres'),
    args,
    `ALTER ROLE postgres PASSWORD '${password}'\n`,
  );
  if (status !== 0 || /ERROR:|FATAL:/.test(output)) {
    throw startFailed(`${connectionFile(location)} is lost, and no new password could be set: ${output.trim()}`);
  }
}

async function launch(
  location: Location,
  binaries: string,
  connection: Connection,
  options: EmbeddedPostgresOptions,
): Promise<{ pid: number; ended: Promise<void> }> {
  const deadline = Date.now() + START_WAIT_MAX_MS;
  for (;;) {
    const attempt = await tryLaunch(location, binaries, connection.port, options);
    if (attempt.ready) return attempt;
    const retry = Date.now() < deadline;
    if (retry && options.port === undefined && /could not (bind|create any TCP)/.test(attempt.words)) {
      connection.port = await freePort();
      remember(location, connection);
    } else if (retry && /pre-existing shared memory block/.test(attempt.words)) {
      // The sessions of a killed postmaster end by themselves, a moment later.
      await sleep(200);
    } else throw startFailed(`PostgreSQL did not start: ${attempt.words.trim() || 'it said nothing'}`);
  }
}

async function tryLaunch(
  location: Location,
  binaries: string,
  port: number,
  options: EmbeddedPostgresOptions,
): Promise<{ ready: boolean; words: string; pid: number; ended: Promise<void> }> {
  const logFile = join(location.home, 'postgres.log');
  if (existsSync(logFile) && statSync(logFile).size > LOG_SIZE_MAX_BYTES) await truncate(logFile);
  const log = openSync(logFile, 'a', 0o600);
  const logStart = statSync(logFile).size;
  // Its own process group: Ctrl-C in a terminal must reach the database last, through stop().
  const child = spawn(join(binaries, 'postgres'), serverArguments(location.cluster, port, options), {
    ...location.account,
    cwd: location.home,
    detached: true,
    stdio: ['ignore', log, log],
  });
  let failure: Error | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => ((failure = error), resolve()));
  });
  closeSync(log);
  let over = false;
  void ended.then(() => (over = true));
  const deadline = Date.now() + START_WAIT_MAX_MS;
  while (!over && Date.now() < deadline) {
    if (isReady(location.cluster, child.pid)) return { ready: true, words: '', pid: child.pid as number, ended };
    await sleep(STATUS_POLL_MS);
  }
  if (!over && child.pid !== undefined) await endServer(child.pid, ended);
  const words = failure?.message ?? readFileSync(logFile).subarray(logStart).toString('utf8');
  return { ready: false, words, pid: child.pid ?? 0, ended };
}

function serverArguments(cluster: string, port: number, options: EmbeddedPostgresOptions): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '256MB',
    max_wal_size: '2GB',
    min_wal_size: '1GB',
    log_line_prefix: '%m [%p] ',
    wal_level: options.isDecodable === true ? 'logical' : 'replica',
    ...(options.durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return [
    '-D',
    cluster,
    '-p',
    String(port),
    ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
  ];
}

/** The postmaster writes its process id in the first line of its file and its state in the eighth. */
function isReady(cluster: string, pid: number | undefined): boolean {
  const lines = postmasterFile(cluster);
  return lines !== undefined && lines[0] === String(pid) && lines[7]?.trim() === 'ready';
}

function postmasterFile(cluster: string): string[] | undefined {
  try {
    return readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Stops the server of a launcher that was killed. Called only by the holder of the lock, so nobody else uses it. */
async function endLeftOver(cluster: string, log: (line: string) => void): Promise<void> {
  const pid = Number(postmasterFile(cluster)?.[0]);
  if (!Number.isInteger(pid) || pid <= 1) return;
  if (commandLineOf(pid)?.includes(cluster)) {
    log(`A PostgreSQL server (process ${pid}) was left over from an earlier start; it is stopped first.`);
    await endServer(pid, untilGone(pid));
  }
  // A killed server leaves its file, and PostgreSQL would take whoever has its process id by now for that server.
  rmSync(join(cluster, 'postmaster.pid'), { force: true });
}

async function endServer(pid: number, ended: Promise<void>): Promise<void> {
  const patience = AbortSignal.timeout(STOP_WAIT_MAX_MS);
  signal(pid, 'SIGINT');
  await Promise.race([ended, new Promise((resolve) => patience.addEventListener('abort', resolve))]);
  if (patience.aborted && isRunning(pid)) {
    signal(pid, 'SIGQUIT');
    await ended;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  if (isRunning(pid)) process.kill(pid, name);
}

async function untilGone(pid: number): Promise<void> {
  while (isRunning(pid)) await sleep(STATUS_POLL_MS);
}

async function run(
  location: Location,
  program: string,
  args: string[],
  input = '',
): Promise<{ status: number | null; output: string }> {
  const child = spawn(program, args, { ...location.account, cwd: location.home });
  // A program that ends without reading says why itself.
  child.stdin.on('error', () => undefined).end(input);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ status: null, output: error.message }));
    child.once('close', (status) => resolve({ status, output }));
  });
}

const startFailed = (happened: string): EmbeddedDatabaseFailed =>
  new EmbeddedDatabaseFailed(
    'database.embedded-start-failed',
    happened,
    'Correct the cause, or set DATABASE_URL to a PostgreSQL server of your own.',
  );

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
