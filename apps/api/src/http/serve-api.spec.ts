import { connect, type Socket } from 'node:net';
import { endpoint } from '@groundwork/application';
import { eventually } from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { apiUnderTest, type ApiUnderTest } from '../testing/api-under-test.ts';
import { serveApi, type RunningApi } from './serve-api.ts';

let under: ApiUnderTest;
let served: RunningApi;
let finish: () => void;
let started: number;
beforeEach(async () => {
  const gate = Promise.withResolvers<void>();
  [finish, started] = [gate.resolve, 0];
  const slow = endpoint({
    method: 'GET',
    path: '/v1/slow',
    summary: 'Answers when it is told to',
    permission: 'public',
    responses: { 200: { description: 'Done' } },
    async handle() {
      started++;
      await gate.promise;
      return { status: 200, body: { done: true } };
    },
  });
  under = await apiUnderTest({ endpoints: [slow] });
  served = await under.listen();
});
afterEach(async () => {
  finish();
  await under[Symbol.asyncDispose]();
});

class Client {
  readonly socket: Socket;
  text = '';
  closed = false;
  constructor() {
    this.socket = connect(Number(new URL(served.url).port), '127.0.0.1');
    this.socket.on('data', (chunk) => (this.text += chunk.toString()));
    this.socket.on('close', () => (this.closed = true));
    this.socket.on('error', () => undefined);
  }
  get(path: string): this {
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    return this;
  }
  get answers(): number {
    return this.text.match(/HTTP\/1.1 200/g)?.length ?? 0;
  }
}

describe('an api that stops', () => {
  it('finishes running requests, says Connection: close, and takes no other request on any connection', async () => {
    const [running, idle, silent] = [new Client().get('/v1/slow'), new Client().get('/v1/greeting'), new Client()];
    await eventually(() => started === 1 && idle.answers === 1);

    const closed = served.close(10_000);
    await eventually(() => idle.closed && silent.closed);
    expect(running.closed).toBe(false);
    running.get('/v1/greeting');
    finish();
    await closed;
    await eventually(() => running.closed);

    expect(running.text).toMatch(/^HTTP\/1.1 200 OK[\s\S]*connection: close[\s\S]*"done":true/i);
    expect(running.answers).toBe(1);
    await expect(fetch(`${served.url}/v1/greeting`)).rejects.toThrow('fetch failed');
  });

  it('cuts what has not finished within the grace time', async () => {
    const running = new Client().get('/v1/slow');
    await eventually(() => started === 1);

    await served.close(100);

    await eventually(() => running.closed);
    expect(running.answers).toBe(0);
  });

  it('ends streams of events at once', async () => {
    const answer = await fetch(`${served.url}/v1/events/stream`, { headers: await under.authorization() });
    const text = answer.text();

    await served.close(10_000);

    expect(await text).toContain('retry:');
  });

  it('may be stopped twice', async () => {
    await served.close(100);
    await expect(served.close(100)).resolves.toBeUndefined();
  });
});

describe('a request that does not come to an end', () => {
  it.each([
    ['headers', 'GET /v1/greeting HTTP/1.1\r\nHost: x\r\nX-Slow: '],
    ['body', 'POST /v1/notes/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nContent-Type: application/json\r\n'],
  ])('is answered 408: %s', async (_what, text) => {
    const limits = { headersTimeoutMs: 200, requestTimeoutMs: 200, timeoutCheckIntervalMs: 50 };
    await using impatient = await apiUnderTest({ options: { limits } });
    served = await impatient.listen();
    const { authorization } = await impatient.authorization();
    const client = new Client();
    client.socket.write(text.startsWith('POST') ? `${text}Authorization: ${authorization}\r\n\r\n{"te` : text);

    await eventually(() => client.closed);

    expect(client.text).toMatch(/^HTTP\/1.1 408 [\s\S]*"code":"http.request-timeout"/);
  });
});

describe('the port', () => {
  it('that is taken is named', async () => {
    await using other = await apiUnderTest();
    const port = Number(new URL(served.url).port);

    await expect(serveApi(other.api, { host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'api.port-taken',
      details: { port },
    });
  });

  it('is not served beyond its limits of time and number', () => {
    const { headersTimeout, requestTimeout, timeout, maxRequestsPerSocket, maxConnections } = under.api.app.server;

    expect({ headersTimeout, requestTimeout, timeout, maxRequestsPerSocket, maxConnections }).toEqual({
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      timeout: 120_000,
      maxRequestsPerSocket: 10_000,
      maxConnections: 2_000,
    });
  });
});
