// A PgBouncer in transaction mode in front of the test cluster, on a port of its own, with few sessions to share.
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@groundwork/testing';
import pg from 'pg';
import { DEFAULTS, postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';
import { pooledLoginSql, setupSql, type Logins } from './roles.ts';

const PATHS = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` };
/** Debian has it as a package; it is in no registry of npm. */
export const hasPgBouncer = spawnSync('pgbouncer', ['--version'], { env: PATHS }).status === 0;

const POOL_SIZE = 4;
const PASSWORD = 'test';

export interface PgBouncer {
  /** A database of the cluster as PostgresUnderTest; what connects goes through the pooler. */
  database(): Promise<PostgresUnderTest>;
  /** The api's way to it, through the pooler. */
  urlOf(database: PostgresUnderTest): string;
  close(): Promise<void>;
}

export async function startPgBouncer(): Promise<PgBouncer> {
  const first = await postgresUnderTest();
  const id = randomUUID().replaceAll('-', '');
  const logins = { migration: `migration_${id}`, api: `api_${id}`, worker: `worker_${id}` };
  await first.administrator.query(setupSql(nameOf(first.url), logins));
  for (const login of Object.values(logins)) {
    await first.administrator.query(`alter role ${login} password '${PASSWORD}'`);
  }
  const running = await run(new URL(first.url), logins);
  return {
    database: () => pooledDatabase(running.port, logins),
    urlOf: ({ url }) => pooledUrl(running.port, logins.api, nameOf(url)),
    close: async () => {
      await running.stop();
      // Rights and settings of the logins in other databases went with those.
      await first.administrator.query(`drop owned by ${Object.values(logins).join(', ')}`);
      await first.administrator.query(`drop role ${Object.values(logins).join(', ')}`);
      await first.close();
    },
  };
}

async function run(
  { hostname, port, username }: URL,
  logins: Logins,
): Promise<{ port: number; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'groundwork-pgbouncer-'));
  const own = await freePort();
  const users = Object.values(logins).map((login) => `"${login}" "${PASSWORD}"\n`);
  writeFileSync(join(folder, 'users'), users.join(''));
  writeFileSync(
    join(folder, 'pgbouncer.ini'),
    `[databases]
* = host=${hostname} port=${port || 5432}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${own}
unix_socket_dir =
auth_type = trust
auth_file = ${folder}/users
pool_mode = transaction
default_pool_size = ${POOL_SIZE}
max_client_conn = 500
`,
  );
  // PgBouncer refuses to run as root.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) for (const name of ['', 'users', 'pgbouncer.ini']) chmodSync(join(folder, name), 0o755);
  const account = isRoot ? { uid: 65_534, gid: 65_534 } : {};
  const child = spawn('pgbouncer', ['-q', join(folder, 'pgbouncer.ini')], { ...account, env: PATHS, stdio: 'ignore' });
  await eventually(() => answers(own, username));
  return {
    port: own,
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGINT');
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

async function pooledDatabase(port: number, logins: Logins): Promise<PostgresUnderTest> {
  const postgres = await postgresUnderTest((name, role) => {
    const login = role === 'groundwork_app' ? logins.api : logins.worker;
    return { url: pooledUrl(port, login, name), pooler: 'transaction' };
  });
  const name = nameOf(postgres.url);
  await postgres.administrator.query(`${setupSql(name, logins)}${pooledLoginSql(name, logins, DEFAULTS)}`);
  return postgres;
}

const pooledUrl = (port: number, login: string, database: string): string =>
  `postgres://${login}:${PASSWORD}@127.0.0.1:${port}/${database}`;

const nameOf = (url: string): string => new URL(url).pathname.slice(1);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Somebody it does not know is turned away: then it listens. */
async function answers(port: number, user: string): Promise<boolean> {
  const client = new pg.Client({ host: '127.0.0.1', port, user, database: 'postgres' });
  client.on('error', () => undefined);
  return client.connect().then(
    () => client.end().then(() => true),
    (error: { code?: string }) => error.code !== 'ECONNREFUSED',
  );
}
