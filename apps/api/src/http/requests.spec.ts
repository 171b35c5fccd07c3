import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { InjectOptions } from 'fastify';
import { apiUnderTest, type ApiUnderTest } from '../testing/api-under-test.ts';
import { DEFAULT_LIMITS } from './http-limits.ts';

let under: ApiUnderTest;
let admin: { authorization: string };
let url: string;
beforeAll(async () => {
  under = await apiUnderTest();
  admin = await under.authorization();
  url = (await under.listen()).url;
});
afterAll(async () => under[Symbol.asyncDispose]());

const send = async (request: InjectOptions) => {
  const answer = await under.api.app.inject({ ...request, headers: { ...admin, ...request.headers } });
  return {
    ...answer,
    code: (answer.headers['content-type'] ?? '').includes('problem') ? answer.json().code : undefined,
  };
};
const post = async (payload: string | Buffer, headers: Record<string, string> = {}, path = '/v1/notes/1') =>
  send({ method: 'POST', url: path, payload, headers: { 'content-type': 'application/json', ...headers } });
const outcome = async (sent: ReturnType<typeof send>) => {
  const { statusCode, code } = await sent;
  return [statusCode, code];
};

/** Sends bytes as they are, and returns all that comes back until the server closes. */
const raw = async (bytes: string, { cutOff = false } = {}): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () =>
      cutOff ? socket.end(bytes) : socket.write(bytes),
    );
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
const request = (line: string, headers: readonly string[] = [], body = ''): string =>
  [line, 'Host: x', `Authorization: ${admin.authorization}`, 'Connection: close', ...headers, '', body].join('\r\n');

describe('each limit, one below and one above', () => {
  const { bodyBytesMax, jsonDepthMax, jsonValuesMax, textLengthMax, urlBytesMax } = DEFAULT_LIMITS;
  const texts = (bytes: number): string => {
    const empty = JSON.stringify({ text: '', parts: Array.from({ length: 15 }, () => '') });
    const parts = Array.from({ length: 15 }, (_, at) =>
      'x'.repeat(Math.floor((bytes - empty.length) / 15) + (at === 0 ? (bytes - empty.length) % 15 : 0)),
    );
    return JSON.stringify({ text: '', parts });
  };
  const nested = (depth: number): string => `{"text":"","x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
  // The list, its owner and the text are values, too.
  const values = (count: number): string => JSON.stringify({ text: '', x: Array.from({ length: count - 3 }, () => 1) });

  it.each([
    ['a body', () => post(texts(bodyBytesMax)), () => post(texts(bodyBytesMax + 1)), 413, 'http.body-too-large'],
    ['depth', () => post(nested(jsonDepthMax)), () => post(nested(jsonDepthMax + 1)), 400, 'json.too-deep'],
    ['values', () => post(values(jsonValuesMax)), () => post(values(jsonValuesMax + 1)), 400, 'json.too-many-keys'],
    [
      'a text',
      () => post(JSON.stringify({ text: 'x'.repeat(textLengthMax) })),
      () => post(JSON.stringify({ text: 'x'.repeat(textLengthMax + 1) })),
      400,
      'json.text-too-long',
    ],
    [
      'a URL',
      () => send({ url: `/v1/notes?search=${'x'.repeat(urlBytesMax - '/v1/notes?search='.length)}` }),
      () => send({ url: `/v1/notes?search=${'x'.repeat(urlBytesMax + 1 - '/v1/notes?search='.length)}` }),
      414,
      'http.url-too-long',
    ],
    [
      'a page',
      () => send({ url: '/v1/notes?limit=200' }),
      () => send({ url: '/v1/notes?limit=201' }),
      422,
      'http.invalid-request',
    ],
    [
      'an idempotency key',
      () => post('{"text":""}', { 'idempotency-key': 'k'.repeat(255) }),
      () => post('{"text":""}', { 'idempotency-key': 'k'.repeat(256) }),
      400,
      'http.malformed-header',
    ],
  ])('%s', async (_what, below, above, status, code) => {
    expect((await below()).statusCode).toBeLessThan(300);
    expect(await outcome(above())).toEqual([status, code]);
  });

  it('headers', async () => {
    const padded = (bytes: number): string => request('GET /v1/notes HTTP/1.1', [`X-Padding: ${'x'.repeat(bytes)}`]);

    expect(await raw(padded(15_000))).toMatch(/^HTTP\/1.1 200/);
    expect(await raw(padded(17_000))).toMatch(
      /^HTTP\/1.1 431 [\s\S]*application\/problem\+json[\s\S]*http.headers-too-large/,
    );
  });
});

describe('a body', () => {
  it.each([
    [undefined],
    ['text/plain'],
    ['application/xml'],
    ['application/json5'],
    ['application/json; charset=utf-16'],
    ['application/json; charset=utf-8; boundary=x'],
    ['application/json garbage'],
    ['application/json,text/plain'],
    ['application/jsonx'],
    ['application /json'],
    ['application/vnd.api+json'],
    ['multipart/form-data; boundary=x'],
    ['application/x-www-form-urlencoded'],
  ])('of type %s is 415', async (type) => {
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };

    expect(await outcome(send({ method: 'POST', url: '/v1/notes/1', payload: '{"text":""}', headers }))).toEqual([
      415,
      'http.unsupported-media-type',
    ]);
  });

  it.each([
    ['application/json'],
    ['Application/JSON'],
    ['application/json;charset=utf-8'],
    ['application/json; charset="UTF-8"'],
    ['application/json ; charset=utf-8'],
  ])('of type %s is read', async (type) => {
    expect((await post('{"text":"ä"}', { 'content-type': type })).statusCode).toBe(201);
  });

  it.each([
    ['that is compressed', '{}', { 'content-encoding': 'gzip' }, 415, 'http.content-encoding'],
    ['that is empty', '', {}, 400, 'json.missing'],
    ['that is no JSON', '{"text":', {}, 400, 'json.malformed'],
    ['with something behind it', '{"text":""} x', {}, 400, 'json.malformed'],
    ['with a byte order mark', Buffer.from('\ufeff{"text":""}'), {}, 400, 'json.malformed'],
    ['that is no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), {}, 400, 'json.not-utf-8'],
    ['with an overlong encoding', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), {}, 400, 'json.not-utf-8'],
    ['with a NUL', '{"text":"\\u0000"}', {}, 400, 'json.unstorable-text'],
    ['with half a surrogate pair', '{"text":"\\ud800"}', {}, 400, 'json.unstorable-text'],
    ['with a number beyond all numbers', '{"text":"","n":1e400}', {}, 400, 'json.unstorable-number'],
    ['with __proto__', '{"text":"","__proto__":{"admin":true}}', {}, 400, 'json.forbidden-key'],
    ['with a hidden __proto__', '{"text":"","\\u005f_proto__":1}', {}, 400, 'json.forbidden-key'],
    ['with constructor', '{"text":"","constructor":{"prototype":1}}', {}, 400, 'json.forbidden-key'],
    ['with prototype far inside', '{"text":"","a":[{"prototype":1}]}', {}, 400, 'json.forbidden-key'],
    ['of another shape', '[]', {}, 422, 'http.invalid-request'],
  ])('%s is refused', async (_what, payload, headers, status, code) => {
    expect(await outcome(post(payload, headers as Record<string, string>))).toEqual([status, code]);
  });

  it('comes back digit for digit and key for key', async () => {
    const text = '{ "text":"\\u00e4", "b":1778192987716501507, "a":1.50, "c":-0, "10":1, "2":0.1e-7 }';
    const written = await post(text, {}, '/v1/notes/exact');

    expect(written.body).toBe(text);
    expect((await send({ url: '/v1/notes/exact' })).body).toBe(text);
  });

  it('is pointed into where it is wrong, and so are path and query', async () => {
    const wrongBody = await post('{"text":7}');
    const wrongQuery = await send({ url: '/v1/notes?limit=0&sort=name&search=a&search=b' });

    expect(wrongBody.json().errors).toEqual([{ pointer: '/text', message: expect.any(String) }]);
    expect(
      wrongQuery
        .json()
        .errors.map((issue: { pointer: string }) => issue.pointer)
        .sort(),
    ).toEqual(['/query', '/query/limit', '/query/search']);
  });
});

describe('bytes that are no proper request get a problem, too', () => {
  const json = 'Content-Type: application/json';
  it.each([
    ['two hosts', () => request('GET /v1/notes HTTP/1.1', ['Host: y']), 400, 'http.malformed-header'],
    [
      'no host',
      () => `GET /v1/notes HTTP/1.1\r\nAuthorization: ${admin.authorization}\r\nConnection: close\r\n\r\n`,
      400,
      'http.malformed-header',
    ],
    [
      'two lengths',
      () => request('POST /v1/notes/1 HTTP/1.1', [json, 'Content-Length: 2', 'Content-Length: 3'], '{}'),
      400,
      'http.malformed',
    ],
    [
      'a length and chunks',
      () =>
        request('POST /v1/notes/1 HTTP/1.1', [json, 'Content-Length: 2', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
      400,
      'http.malformed',
    ],
    [
      'an unknown transfer coding',
      () => request('POST /v1/notes/1 HTTP/1.1', [json, 'Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'),
      400,
      'http.malformed-header',
    ],
    [
      'a broken chunk',
      () => request('POST /v1/notes/1 HTTP/1.1', [json, 'Transfer-Encoding: chunked'], 'zz\r\n{}\r\n0\r\n\r\n'),
      400,
      'http.malformed',
    ],
    [
      'chunks that stop',
      () => request('POST /v1/notes/1 HTTP/1.1', [json, 'Transfer-Encoding: chunked'], '5\r\n{"t'),
      400,
      'http.malformed',
    ],
    ['two tokens', () => request('GET /v1/notes HTTP/1.1', ['Authorization: Bearer x']), 400, 'http.malformed-header'],
    ['an unknown method', () => request('EXPLODE /v1/notes HTTP/1.1'), 400, 'http.malformed'],
    ['TRACE', () => request('TRACE /v1/notes HTTP/1.1'), 405, 'http.method-not-allowed'],
    ['PROPFIND', () => request('PROPFIND /v1/notes HTTP/1.1'), 405, 'http.method-not-allowed'],
    ['OPTIONS *', () => request('OPTIONS * HTTP/1.1'), 404, 'http.unknown-route'],
    ['CONNECT', () => request('CONNECT example.org:443 HTTP/1.1'), 405, 'http.method-not-allowed'],
    ['an odd expectation', () => request('GET /v1/notes HTTP/1.1', ['Expect: miracles']), 417, 'http.expectation'],
    ['another protocol', () => 'SSH-2.0-OpenSSH_9.6\r\n\r\n', 400, 'http.malformed'],
    ['HTTP/9.9', () => request('GET /v1/notes HTTP/9.9'), 400, 'http.malformed'],
    ['a header line without colon', () => request('GET /v1/notes HTTP/1.1', ['nonsense']), 400, 'http.malformed'],
    ['a folded header', () => request('GET /v1/notes HTTP/1.1', ['X-A: 1', ' 2']), 400, 'http.malformed'],
    ['a broken escape in the path', () => request('GET /v1/notes/%ff HTTP/1.1'), 400, 'http.malformed-url'],
    ['NUL in the path', () => request('GET /v1/notes/%00 HTTP/1.1'), 400, 'http.unstorable-text'],
    ['NUL in the query', () => request('GET /v1/notes?search=%00 HTTP/1.1'), 400, 'http.unstorable-text'],
    ['dots in the path', () => request('GET /v1/%2e%2e/%2e%2e/etc/passwd HTTP/1.1'), 404, 'http.unknown-route'],
    ['an endless id', () => request(`GET /v1/notes/${'x'.repeat(501)} HTTP/1.1`), 414, 'http.url-too-long'],
  ])('%s', async (what, bytes, status, code) => {
    const answer = await raw(bytes(), { cutOff: what === 'chunks that stop' });

    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toContain('application/problem+json');
    expect(answer).toContain(`"code":"${code}"`);
  });
});

describe('a request can be found again', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const headersOf = async (headers: Record<string, string>) => (await send({ url: '/v1/notes', headers })).headers;

  it('under the caller’s correlation id, the trace’s, or its own', async () => {
    expect(await headersOf({ 'x-correlation-id': 'order-7', traceparent })).toMatchObject({
      'x-correlation-id': 'order-7',
      'x-trace-id': '4bf92f3577b34da6a3ce929d0e0e4736',
    });
    expect(await headersOf({ traceparent })).toMatchObject({ 'x-correlation-id': '4bf92f3577b34da6a3ce929d0e0e4736' });
    const own = await headersOf({});
    expect(own['x-correlation-id']).toBe(own['x-request-id']);
  });

  it.each([['with spaces inside'], ['x'.repeat(129)], ['"quoted"'], ['<script>'], ['ünicode']])(
    'but not under %s',
    async (given) => {
      const headers = await headersOf({ 'x-correlation-id': given });

      expect(headers['x-correlation-id']).toBe(headers['x-request-id']);
    },
  );

  it('and leaves one log line and one duration, without ids, query or payload', async () => {
    await using fresh = await apiUnderTest();
    const headers = {
      ...(await fresh.authorization({ tenant: 'acme' })),
      'content-type': 'application/json',
      'x-correlation-id': 'corr-1',
    };
    await fresh.api.app.inject({
      method: 'POST',
      url: '/v1/notes/marker-id?x=marker-query',
      payload: '{"text":"marker-payload"}',
      headers,
    });

    expect(fresh.logger.lines.map(({ level, message }) => [level, message])).toEqual([['info', 'request']]);
    expect(fresh.logger.lines[0]!.fields).toMatchObject({
      method: 'POST',
      route: '/v1/notes/:id',
      status: 201,
      correlationId: 'corr-1',
      tenant: 'acme',
    });
    expect(JSON.stringify(fresh.logger.lines)).not.toContain('marker');
    const labels = { method: 'POST', route: '/v1/notes/:id', status: '201' };
    expect(fresh.metrics.observed('http_server_request_duration_seconds', labels)).toHaveLength(1);
  });
});

describe('a token', () => {
  it.each([['Basic dXNlcjpwYXNz'], ['Bearer'], ['Bearer a b'], ['bearer'], ['Token x']])(
    'sent as "%s" is missing',
    async (authorization) => {
      expect(await outcome(send({ url: '/v1/notes', headers: { authorization } }))).toEqual([
        401,
        'security.token-missing',
      ]);
    },
  );

  it('that is forged is refused with the reason in WWW-Authenticate', async () => {
    const answer = await send({ url: '/v1/notes', headers: { authorization: `${admin.authorization}x` } });

    expect([answer.statusCode, answer.code]).toEqual([401, 'security.token-not-trusted']);
    expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
  });
});

it('every answer carries security headers', async () => {
  for (const path of ['/v1/greeting', '/v1/notes', '/v1/nothing']) {
    expect((await send({ url: path })).headers).toMatchObject({
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
  }
});
