import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { HealthCheck, LogLevel } from '@groundwork/application';
import { HttpManagementServer } from './management-server.ts';
import { PrometheusMetrics } from './prometheus-metrics.ts';
import { Readiness } from './readiness.ts';

const TIMEOUT_MS = 200;

/** A dependency whose health the test decides. */
class Dependency implements HealthCheck {
  readonly name: string;
  state: 'up' | 'down' | 'hanging' = 'up';
  calls = 0;
  constructor(name: string) {
    this.name = name;
  }
  async check(): Promise<void> {
    this.calls++;
    if (this.state === 'down') throw new Error(`cannot reach postgres://gw:hunter22@${this.name}`);
    if (this.state === 'hanging') await new Promise(() => undefined);
  }
}

const database = new Dependency('postgres');
const loops = new Dependency('loops');
const logger: { level: LogLevel } = { level: 'info' };
let server: HttpManagementServer;
let base: string;

beforeEach(async () => {
  Object.assign(database, { state: 'up', calls: 0 });
  Object.assign(loops, { state: 'up', calls: 0 });
  server = new HttpManagementServer({
    host: '127.0.0.1',
    port: 0,
    readiness: new Readiness([database, loops], TIMEOUT_MS),
    metrics: new PrometheusMetrics().describeProcess({ service: 'worker', version: '1.2.3', gitSha: 'abcdef0' }),
    logger,
    errors: { all: [] },
    info: { service: 'worker', settings: { DATABASE_URL: '***' } },
  });
  logger.level = 'info';
  base = `http://127.0.0.1:${await server.listen()}`;
});
afterEach(() => server.close());

async function get(path: string, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
  const response = await fetch(`${base}${path}`, { headers });
  return { status: response.status, text: await response.text() };
}

const setLevel = (body: string, type = 'application/json'): Promise<Response> =>
  fetch(`${base}/loggers`, { method: 'PUT', body, headers: { 'content-type': type } });

/** As if the connection had come from `address`. */
async function callFrom(
  address: string,
  method: string,
  path: string,
  body?: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; type: string | null; body: string }> {
  const started = 'http.server.request.start';
  const pretend = (message: unknown): void => {
    const { socket } = message as { socket: object };
    Object.defineProperty(socket, 'remoteAddress', { value: address, configurable: true });
  };
  subscribe(started, pretend);
  try {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { 'content-type': 'application/json', connection: 'close', ...headers },
      ...(body === undefined || method === 'GET' || method === 'HEAD' ? {} : { body }),
    });
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
  } finally {
    unsubscribe(started, pretend);
  }
}

async function readyWithin(wantedStatus: number, withinMs: number): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  for (;;) {
    const { status } = await get('/readyz');
    if (status === wantedStatus) return;
    if (performance.now() > giveUpAt) throw new Error(`/readyz still answers ${status}`);
  }
}

describe('/livez', () => {
  it('answers without asking any dependency', async () => {
    database.state = 'hanging';
    expect(await get('/livez')).toEqual({ status: 200, text: 'ok\n' });
    expect(database.calls).toBe(0);
  });
});

describe('/startupz and /readyz', () => {
  it('follow the life of the process', async () => {
    expect((await get('/startupz')).status).toBe(503);
    expect((await get('/readyz')).status).toBe(503);
    server.enter('running');
    expect((await get('/startupz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
    server.enter('stopping');
    expect((await get('/startupz')).status).toBe(200);
    expect(await get('/readyz')).toMatchObject({ status: 503, text: expect.stringContaining('[-] running: stopping') });
  });
});

describe('/readyz', () => {
  beforeEach(() => server.enter('running'));

  it('goes red within 5 s when a dependency stops, and green again after it returns', async () => {
    await readyWithin(200, 1_000);
    database.state = 'down';
    await readyWithin(503, 5_000);
    database.state = 'up';
    await readyWithin(200, 5_000);
  });

  it('answers in time when a check hangs, names it, and asks it again later', async () => {
    database.state = 'hanging';
    const startedAtMs = performance.now();
    const answer = await get('/readyz?verbose');
    expect(performance.now() - startedAtMs).toBeLessThan(TIMEOUT_MS + 800);
    expect(answer).toEqual({
      status: 503,
      text: `[+] running ok\n[-] postgres: no answer within ${TIMEOUT_MS} ms\n[+] loops ok\nnot ready\n`,
    });
    database.state = 'up';
    await readyWithin(200, 5_000);
  });

  it('stays green, and says degraded, when something fails that the process can do without', async () => {
    await server.close();
    const cache = { name: 'cache', isVital: false, check: () => Promise.reject(new Error('Redis is away')) };
    server = new HttpManagementServer({
      host: '127.0.0.1',
      port: 0,
      readiness: new Readiness([database, cache], TIMEOUT_MS),
      metrics: new PrometheusMetrics(),
      logger,
      errors: { all: [] },
      info: {},
    });
    base = `http://127.0.0.1:${await server.listen()}`;
    server.enter('running');
    const text = '[+] running ok\n[+] postgres ok\n[~] cache: Redis is away\ndegraded\n';
    expect(await get('/readyz?verbose')).toEqual({ status: 200, text });
    const told = await get('/readyz', { accept: 'application/json' });
    expect(JSON.parse(told.text)).toMatchObject({
      status: 'degraded',
      checks: [{}, {}, { name: 'cache', vital: false }],
    });
    database.state = 'down';
    await readyWithin(503, 5_000);
  });

  it('asks each dependency at most once a second, however many ask', async () => {
    await Promise.all(Array.from({ length: 50 }, () => get('/readyz')));
    expect(database.calls).toBe(1);
  });

  it('lists every check on request, as text or JSON, without secrets', async () => {
    expect((await get('/readyz?verbose')).text).toBe('[+] running ok\n[+] postgres ok\n[+] loops ok\nready\n');
    loops.state = 'down';
    await readyWithin(503, 5_000);
    const json = await get('/readyz', { accept: 'application/json' });
    expect(JSON.parse(json.text)).toMatchObject({
      status: 'not-ready',
      checks: [
        { name: 'running', healthy: true },
        { name: 'postgres', healthy: true },
        { name: 'loops', healthy: false },
      ],
    });
    expect(json.text).not.toContain('hunter22');
  });
});

describe('/metrics', () => {
  it('is a Prometheus scrape with build info, process and event-loop delay', async () => {
    const response = await fetch(`${base}/metrics`);
    const text = await response.text();
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(text).toMatch(
      /^groundwork_build_info\{service="worker",version="1\.2\.3",git_sha="abcdef0",node_version="v24[^"]*"\} 1$/m,
    );
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds \d/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d/m);
  });
});

describe('/info', () => {
  it('shows what runs, with secrets masked', async () => {
    expect(JSON.parse((await get('/info')).text)).toMatchObject({
      service: 'worker',
      settings: { DATABASE_URL: '***' },
      stage: 'starting',
    });
  });
});

describe('/loggers', () => {
  it('shows and changes the level at run time', async () => {
    expect(await (await setLevel('{"level":"debug"}')).json()).toMatchObject({ level: 'debug' });
    expect(logger.level).toBe('debug');
    expect(JSON.parse((await get('/loggers')).text)).toEqual({
      level: 'debug',
      levels: ['error', 'warn', 'info', 'debug'],
    });
  });

  it.each([['{"level":"loud"}'], ['nonsense'], ['null'], [`{"level":"${'x'.repeat(5_000)}"}`]])(
    'refuses %.20s',
    async (body) => {
      expect((await setLevel(body)).status).toBe(422);
    },
  );

  it('refuses a body that a foreign web page could send', async () => {
    expect((await setLevel('{"level":"debug"}', 'text/plain')).status).toBe(415);
  });
});

describe('A caller on another machine', () => {
  it.each([
    ['GET', '/errors'],
    ['HEAD', '/errors'],
    ['GET', '/errors?group=1'],
    ['PUT', '/loggers'],
  ])('may not %s %s', async (method, path) => {
    const { status, type, body } = await callFrom('10.0.0.7', method, path, '{"level":"debug"}');
    expect([status, type]).toEqual([403, 'application/problem+json; charset=utf-8']);
    if (method !== 'HEAD') expect(JSON.parse(body)).toMatchObject({ status: 403, code: 'management.loopback-only' });
    expect(logger.level).toBe('info');
  });

  it('may see health, metrics, facts and levels', async () => {
    server.enter('running');
    for (const path of ['/livez', '/readyz', '/startupz', '/metrics', '/info', '/loggers'])
      expect([path, (await callFrom('10.0.0.7', 'GET', path)).status]).toEqual([path, 200]);
  });

  it('is told apart from one on this machine by its address only', async () => {
    expect((await callFrom('127.0.0.1', 'GET', '/errors')).status).toBe(200);
    expect((await callFrom('::1', 'PUT', '/loggers', '{"level":"info"}')).status).toBe(200);
    expect((await callFrom('10.0.0.7', 'GET', '/errors', '', { 'x-forwarded-for': '127.0.0.1' })).status).toBe(403);
  });
});

describe('The management port', () => {
  it('answers 404 and 405 for what it does not know', async () => {
    expect((await get('/nothing')).status).toBe(404);
    expect((await fetch(`${base}/livez`, { method: 'DELETE' })).status).toBe(405);
  });

  it('survives a request target that is not a URL', async () => {
    const status = await new Promise((resolve, reject) => {
      request(base, { path: '//[' }, (response) => resolve(response.statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(404);
  });

  it('says so when the port is taken', async () => {
    const second = new HttpManagementServer({
      host: '127.0.0.1',
      port: Number(new URL(base).port),
      readiness: new Readiness([], TIMEOUT_MS),
      metrics: new PrometheusMetrics(),
      logger,
      errors: { all: [] },
      info: {},
    });
    await expect(second.listen()).rejects.toMatchObject({ code: 'management.port-taken' });
  });
});
