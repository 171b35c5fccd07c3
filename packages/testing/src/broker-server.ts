// A broker of its own for tests that stop it: on a free port, with data that survive a restart.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

export type BrokerName = 'redis' | 'rabbitmq' | 'nats';

interface Start {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const FOLDERS = ['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin', '/usr/lib/rabbitmq/bin'];
const COMMANDS = { redis: 'redis-server', rabbitmq: 'rabbitmq-server', nats: 'nats-server' } as const;
const START_WAIT_MAX_MS = 60_000;

/** Whether the server's program is on this machine; throws instead of saying no where CI=true. */
export function hasBrokerServer(name: BrokerName): boolean {
  const isThere = programOf(name) !== undefined;
  if (!isThere && process.env['CI'] === 'true') throw new Error(`apt-get install ${COMMANDS[name]}: it is not there.`);
  return isThere;
}

export class BrokerServer implements AsyncDisposable {
  readonly url: string;
  readonly #start: Start;
  readonly #port: number;
  readonly #folder: string;
  #process: ChildProcess | undefined;

  private constructor(start: Start, url: string, port: number, folder: string) {
    [this.#start, this.url, this.#port, this.#folder] = [start, url, port, folder];
  }

  static async start(name: BrokerName): Promise<BrokerServer> {
    const folder = await mkdtemp(join(tmpdir(), `gw-${name}-`));
    const [port, distribution] = [await freePort(), await freePort()];
    const start = starts[name](port, folder, distribution);
    const server = new BrokerServer(start, URLS[name](port), port, folder);
    await server.start();
    return server;
  }

  /** Starts it, or starts it again with the same data; resolves when it answers. */
  async start(): Promise<void> {
    const { command, args, env } = this.#start;
    const child = spawn(command, args, {
      env: { PATH: process.env['PATH'], ...env },
      stdio: 'ignore',
      // RabbitMQ is a shell script with children: all of them end together.
      detached: true,
    });
    this.#process = child;
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}.`);
      return answers(this.#port);
    }, START_WAIT_MAX_MS);
  }

  /** SIGKILL: what it had not stored is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child?.pid === undefined || child.exitCode !== null) return;
    const ended = once(child, 'exit');
    process.kill(-child.pid, 'SIGKILL');
    await ended;
    await eventually(async () => !(await answers(this.#port)), START_WAIT_MAX_MS);
  }

  /** SIGSTOP: connections stay, and nothing answers; SIGCONT lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    process.kill(-this.#process!.pid!, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

const URLS = {
  redis: (port: number) => `redis://127.0.0.1:${port}`,
  rabbitmq: (port: number) => `amqp://guest:guest@127.0.0.1:${port}`,
  nats: (port: number) => `nats://127.0.0.1:${port}`,
} as const;

const starts: Readonly<Record<BrokerName, (port: number, folder: string, distribution: number) => Start>> = {
  redis: (port, folder) => ({
    command: programOf('redis')!,
    args: ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', folder, '--appendonly', 'yes'].concat([
      '--appendfsync',
      'always',
      '--save',
      '',
    ]),
  }),
  nats: (port, folder) => ({
    command: programOf('nats')!,
    args: ['-a', '127.0.0.1', '-p', `${port}`, '-js', '-sd', folder],
  }),
  rabbitmq: (port, folder, distribution) => ({
    command: programOf('rabbitmq')!,
    args: [],
    env: {
      HOME: folder,
      RABBITMQ_NODENAME: `gw-test-${port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: `${port}`,
      RABBITMQ_DIST_PORT: `${distribution}`,
      RABBITMQ_MNESIA_BASE: folder,
      RABBITMQ_LOG_BASE: folder,
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
      RABBITMQ_CONF_ENV_FILE: join(folder, 'none'),
      RABBITMQ_CONFIG_FILE: join(folder, 'none'),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1',
    },
  }),
};

/** The script behind /usr/sbin/rabbitmq-server would change to another user. */
const programOf = (name: BrokerName): string | undefined =>
  FOLDERS.toReversed()
    .map((folder) => join(folder, COMMANDS[name]))
    .find((path) => existsSync(path));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    }).on('error', () => resolve(false));
  });
