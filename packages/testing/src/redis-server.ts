// A Redis server of a test's own, which it may stop, hang and flush.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

const isInstalled = spawnSync('redis-server', ['--version']).status === 0;

type Describe = (name: string, body: () => void) => void;

/** Skips the suite on a machine without a Redis server; with CI=true it fails there. */
export function describeWithRedis(describe: Describe & { readonly skip: Describe }): Describe {
  if (isInstalled || process.env['CI'] === 'true') return describe;
  return (name, body) => describe.skip(`${name} (redis-server is not installed)`, body);
}

export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly #dir = mkdtempSync(join(tmpdir(), 'groundwork-redis-'));
  #process: ChildProcess | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await freePort());
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const settings = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#dir, '--save', ''];
    // What it kept is there again when it is started again.
    this.#process = spawn('redis-server', [...settings, '--appendonly', 'yes', '--appendfsync', 'no'], {
      stdio: 'ignore',
    });
    await eventually(() => this.cli('ping') === 'PONG');
  }

  async stop(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (running === undefined) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    running.kill('SIGCONT');
    running.kill('SIGKILL');
    await ended;
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal);
  }

  cli(...words: readonly string[]): string {
    return spawnSync('redis-cli', ['-p', String(this.port), ...words], { encoding: 'utf8' }).stdout.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
