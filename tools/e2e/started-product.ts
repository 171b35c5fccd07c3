// The product as a user has it: `gw start` in a process of its own, on free ports and its own data directory.
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@groundwork/testing';

export interface Product {
  readonly url: string;
  readonly pid: number;
  /** Everything the program has printed until now. */
  readonly lines: readonly string[];
  /** GET, or POST when there is a body; with a fresh development token. */
  ask(path: string, body?: string): Promise<{ status: number; body: unknown }>;
  /** Any request with the same token. */
  send: Send;
  /** `Bearer …` of somebody who may do everything. */
  readonly authorization: string;
  /** Ends it by SIGTERM; gives the exit status. */
  stop(): Promise<number | null>;
}

export type Send = (path: string, init?: RequestInit) => Promise<Response>;

const root = join(import.meta.dirname, '../..');
const READY_WAIT_MAX_MS = 60_000;
const REQUEST_WAIT_MAX_MS = 10_000;

export interface Ports {
  readonly api: number;
  /** The worker's is the next one. */
  readonly management: number;
}

/** Starts the product and waits for its line `ready`. */
export async function startProduct(
  dataDir: string,
  ports: Ports,
  settings: Readonly<Record<string, string>> = {},
): Promise<Product> {
  const lines: string[] = [];
  const child = spawn(process.execPath, [join(root, 'apps/cli/bin/gw.js'), 'start'], {
    cwd: root,
    env: {
      PATH: process.env['PATH'],
      GW_DATA_DIR: dataDir,
      PORT: String(ports.api),
      MANAGEMENT_PORT: String(ports.management),
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => lines.push(line));
  await ready(child, lines);
  const url = `http://127.0.0.1:${ports.api}`;
  const authorization = /Bearer [\w.-]+/.exec(lines.join('\n'))![0];
  const send = sendTo(url, authorization);
  return {
    url,
    pid: child.pid!,
    lines,
    authorization,
    send,
    ask: async (path, body) => {
      const answer = await send(path, body === undefined ? {} : { method: 'POST', body });
      return { status: answer.status, body: await answer.json() };
    },
    stop: async () => {
      if (child.exitCode === null) {
        const gone = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGTERM');
        await gone;
      }
      return child.exitCode;
    },
  };
}

/** Requests with one token; a body is JSON. One that is not answered in time is given up. */
export function sendTo(url: string, authorization: string): Send {
  return (path, { headers, ...init } = {}) => {
    const type = init.body === undefined ? {} : { 'content-type': 'application/json' };
    const all = { authorization, ...type, ...(headers as Record<string, string> | undefined) };
    return fetch(url + path, { signal: AbortSignal.timeout(REQUEST_WAIT_MAX_MS), ...init, headers: all });
  };
}

async function ready(child: ChildProcess, lines: readonly string[]): Promise<void> {
  const deadline = Date.now() + READY_WAIT_MAX_MS;
  while (!lines.some((line) => line.startsWith('ready'))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGTERM');
      throw new Error(`The product has not become ready:\n${lines.join('\n')}`);
    }
    await sleep(50);
  }
}

/** Three free ports, the last two in a row. */
export async function freePorts(): Promise<Ports> {
  for (;;) {
    const [api, management] = [await freePort(), await freePort()];
    if (management < 65_535 && api !== management + 1 && (await freePort(management + 1)) !== 0)
      return { api, management };
  }
}

/** A free port; 0 when the wanted one is taken. */
export async function freePort(wanted = 0): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(0));
    server.listen(wanted, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Resolves as soon as the expectations in `check` hold; after `timeoutMs` it fails with the last that did not. */
export async function holds(check: () => Promise<void>, timeoutMs?: number): Promise<void> {
  await eventually(() => check().then(() => true), timeoutMs);
}

/** The process ids of the direct children, from Linux's process list. */
export function childrenOf(parent: number): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
    } catch {
      return false; // It has just ended.
    }
  });
}

export type Part = 'api' | 'worker' | 'database';
const PROGRAMS: Readonly<Record<Part, RegExp>> = {
  api: /apps\/api\/src\/main\.ts/,
  worker: /apps\/worker\/src\/main\.ts/,
  database: /postgres\0-D\0/,
};

/** The process that is this part of the product now; undefined while it is being started again. */
export function partOf(product: Product, part: Part): number | undefined {
  return childrenOf(product.pid).find((pid) => {
    try {
      return PROGRAMS[part].test(readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
    } catch {
      return false;
    }
  });
}
