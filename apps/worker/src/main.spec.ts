import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { eventually, testDatabase, type TestDatabase } from '@groundwork/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';

jest.setTimeout(60_000);

const PROGRAM = fileURLToPath(new URL('./main.ts', import.meta.url));
const GOODBYE = Buffer.from('X\0\0\0\u0004');

/** Stands between the worker and PostgreSQL, so that a test can take the database away and give it back. */
class DatabaseLine {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Connections the worker opened, and those it closed as the protocol asks. */
  opened = 0;
  goodbyes = 0;
  state: 'through' | 'cut' | 'silent' = 'through';

  constructor(host: string, port: number) {
    this.#server = createServer((worker) => {
      if (this.state === 'cut') return void worker.destroy();
      this.opened++;
      const database = connect(port, host);
      for (const socket of [worker, database]) {
        this.#sockets.add(socket);
        socket.on('error', () => socket.destroy()).on('close', () => this.#sockets.delete(socket));
      }
      worker
        .on('close', () => database.destroy())
        .on('data', (bytes) => {
          if (bytes.subarray(-GOODBYE.length).equals(GOODBYE)) this.goodbyes++;
          if (this.state !== 'silent') database.write(bytes);
        });
      database.on('close', () => worker.destroy()).on('data', (bytes) => worker.write(bytes));
    });
  }

  async open(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    this.state = 'cut';
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}

interface RunningWorker {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly ended: Promise<unknown>;
}

const running: RunningWorker[] = [];

function start(env: Record<string, string>): RunningWorker {
  const child = spawn(process.execPath, [PROGRAM], { env: { PATH: process.env.PATH, MANAGEMENT_PORT: '0', ...env } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (said += bytes.toString()));
  const worker = { child, said: () => said, ended: once(child, 'close') };
  running.push(worker);
  return worker;
}

async function managementOf(worker: RunningWorker): Promise<string> {
  const port = await eventually(() => /"Health and metrics are served.".*"port":(\d+)/.exec(worker.said())?.[1]);
  return `http://127.0.0.1:${port}`;
}

async function untilReadyIs(status: number, base: string, withinMs: number): Promise<void> {
  await eventually(async () => (await fetch(`${base}/readyz`)).status === status, withinMs);
}

afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
});

describe('The worker as a process', () => {
  let database: TestDatabase;
  let line: DatabaseLine;
  let url: string;

  beforeAll(async () => {
    database = await testDatabase();
    const behind = new URL(database.url);
    line = new DatabaseLine(behind.hostname, Number(behind.port));
    behind.hostname = '127.0.0.1';
    behind.port = String(await line.open());
    url = behind.href;
  });
  afterAll(async () => {
    line.close();
    await database.drop();
  });

  it('turns red within 5 s when PostgreSQL goes away or falls silent, stays alive, and is green after it returns', async () => {
    const worker = start({ DATABASE_URL: url });
    const base = await managementOf(worker);
    await untilReadyIs(200, base, 10_000);
    for (const fault of ['cut', 'silent'] as const) {
      if (fault === 'cut') line.cut();
      line.state = fault;
      await untilReadyIs(503, base, 5_000);
      expect((await fetch(`${base}/livez`)).status).toBe(200);
      // What was swallowed never comes: the line has to be dropped for the worker to hear of it.
      if (fault === 'silent') line.cut();
      line.state = 'through';
      await untilReadyIs(200, base, 10_000);
    }
    expect(worker.child.exitCode).toBeNull();
  });

  it('S0-23 on SIGTERM ends with exit code 0, having said goodbye on every connection', async () => {
    line.opened = line.goodbyes = 0;
    const worker = start({ DATABASE_URL: url });
    await untilReadyIs(200, await managementOf(worker), 10_000);
    worker.child.kill('SIGTERM');
    await worker.ended;
    expect(worker.child.exitCode).toBe(0);
    expect(line.opened).toBeGreaterThan(0);
    expect(line.goodbyes).toBe(line.opened);
    expect(worker.said()).toContain('"The worker has stopped."');
  });

  it('S1-14 does not start while a read model has no table, and names its projection', async () => {
    const administrator = new pg.Client({ connectionString: database.url });
    await administrator.connect();
    await administrator.query('alter table clients.client rename to taken_away');
    const lost = start({ DATABASE_URL: database.url });
    await lost.ended;
    expect(lost.child.exitCode).toBe(1);
    expect(lost.said()).toMatch(
      /clients\.client of clients\.client-list does not exist[^]*\(projection\.table-missing\)/,
    );

    await administrator.query('alter table clients.taken_away rename to client');
    const found = start({ DATABASE_URL: database.url });
    await untilReadyIs(200, await managementOf(found), 10_000);
    expect(found.said()).toMatch(/"The worker runs\.".*"clients\.client-list"/);
    await administrator.end();
  });

  it('S0-41 does not start in production without DATABASE_URL, and names it', async () => {
    const worker = start({ NODE_ENV: 'production' });
    await worker.ended;
    expect(worker.child.exitCode).toBe(1);
    expect(worker.said()).toContain('DATABASE_URL is missing');
  });

  it('ends itself when its event loop stands still, so that it can be started again', async () => {
    const hang = 'data:text/javascript,globalThis.setTimeout(()=>{for(;;);},3000)';
    const worker = start({ GW_STORE: 'memory', GW_STUCK_AFTER_MS: '1000', NODE_OPTIONS: `--import=${hang}` });
    await worker.ended;
    expect(worker.child.signalCode).toBe('SIGKILL');
    expect(worker.said()).toContain('worker ends: its event loop has stood still for 1000 ms.');
  });

  it('says that the management port is taken, and ends', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const worker = start({ GW_STORE: 'memory', MANAGEMENT_PORT: String((taken.address() as AddressInfo).port) });
    await worker.ended;
    taken.close();
    expect(worker.child.exitCode).toBe(1);
    expect(worker.said()).toContain('management.port-taken');
  });
});
