import {
  Conflict,
  endpoint,
  InvalidInput,
  Misconfigured,
  NotAuthenticated,
  NotFound,
  NotPermitted,
  PreconditionFailed,
  PreconditionRequired,
  Refusal,
  Unavailable,
  VersionConflict,
  type Endpoint,
} from '@groundwork/application';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiUnderTest, type ApiUnderTest } from '../testing/api-under-test.ts';

let under: ApiUnderTest;
let admin: { authorization: string };
beforeAll(async () => {
  under = await apiUnderTest();
  admin = await under.authorization();
});
afterAll(async () => under[Symbol.asyncDispose]());

const pgError = (code: string, message = 'relation "secret" at character 15'): Error =>
  Object.assign(new Error(message), { code });

const nameOf = (fault: unknown): string =>
  fault instanceof Error ? `${fault.name} ${(fault as { code?: string }).code ?? fault.message}` : String(fault);

describe('every error becomes a problem', () => {
  const words = ['what happened', 'what to do'] as const;
  const table: [unknown, number, string, Record<string, string>?][] = [
    [new InvalidInput('notes.wrong', ...words, [{ pointer: '/text', message: 'no' }]), 422, 'notes.wrong'],
    [new InvalidInput('json.malformed', ...words), 400, 'json.malformed'],
    [
      new NotAuthenticated('security.token-expired', ...words),
      401,
      'security.token-expired',
      { 'www-authenticate': 'Bearer realm="groundwork", error="invalid_token"' },
    ],
    [new NotPermitted('security.not-permitted', ...words), 403, 'security.not-permitted'],
    [new NotFound('notes.unknown', ...words), 404, 'notes.unknown'],
    [new Conflict('notes.conflict', ...words), 409, 'notes.conflict'],
    [new VersionConflict('note/1', 3, 4), 409, 'event-store.version-conflict'],
    [new Refusal('notes.closed', ...words), 409, 'notes.closed'],
    [new Refusal('id.not-a-uuid', ...words), 422, 'id.not-a-uuid'],
    [new Refusal('stream.malformed', ...words), 422, 'stream.malformed'],
    [
      new PreconditionFailed('command.precondition-failed', ...words, { currentVersion: 4 }),
      412,
      'command.precondition-failed',
    ],
    [new PreconditionRequired('http.if-match-required', ...words), 428, 'http.if-match-required'],
    [
      new Unavailable('query.position-not-reached', ...words, 7),
      503,
      'query.position-not-reached',
      { 'retry-after': '7' },
    ],
    // Persistence says in our words what passes by itself; whatever else a driver throws is a fault of ours.
    [pgError('42P01'), 500, 'internal.unexpected'],
    [pgError('23505'), 500, 'internal.unexpected'],
    [new Misconfigured('settings.invalid', ...words), 500, 'internal.unexpected'],
    [new TypeError("Cannot read properties of undefined (reading 'secret')"), 500, 'internal.unexpected'],
    ['a text', 500, 'internal.unexpected'],
    [undefined, 500, 'internal.unexpected'],
  ];

  const named = table.map(([fault, status, code, headers = {}]) => ({
    name: nameOf(fault),
    fault,
    status,
    code,
    headers,
  }));

  it.each(named)('$name → $status $code', async ({ fault, status, code, headers }) => {
    under.fault = fault;

    const answer = await under.api.app.inject({ url: '/v1/faults', headers: admin });

    expect([answer.statusCode, answer.headers['content-type']]).toEqual([
      status,
      'application/problem+json; charset=utf-8',
    ]);
    const problem = answer.json<Record<string, unknown>>();
    expect(problem).toMatchObject({
      status,
      code,
      type: `urn:groundwork:error:${code}`,
      requestId: answer.headers['x-request-id'],
    });
    expect(
      [problem['title'], problem['detail'], problem['next']].every((text) => typeof text === 'string' && text !== ''),
    ).toBe(true);
    expect(answer.headers).toMatchObject(headers);
    if (status === 500) expect(answer.body).not.toMatch(/secret|relation |at .*:\d+|what happened/);
  });

  it('with the places in the input, and the present version', async () => {
    under.fault = new InvalidInput('notes.wrong', ...words, [{ pointer: '/text', message: 'no' }]);
    const invalid = await under.api.app.inject({ url: '/v1/faults', headers: admin });
    under.fault = new PreconditionFailed('command.precondition-failed', ...words, { currentVersion: 4 });
    const stale = await under.api.app.inject({ url: '/v1/faults', headers: admin });

    expect(invalid.json()).toMatchObject({ errors: [{ pointer: '/text', message: 'no' }] });
    expect(stale.json()).toMatchObject({ currentVersion: 4, status: 412 });
  });

  it('S0-50 the same error 100 times is one group with count 100, logged with stack, correlation id, tenant and operation', async () => {
    await using fresh = await apiUnderTest();
    const headers = { ...(await fresh.authorization({ tenant: 'acme' })), 'x-correlation-id': 'corr-7' };
    for (let time = 0; time < 100; time++) {
      fresh.fault = new TypeError(`failure number ${time}`);
      await fresh.api.app.inject({ url: '/v1/faults', headers });
    }

    expect(
      fresh.metrics.value('groundwork_errors_total', { code: 'internal.unexpected', operation: 'GET /v1/faults' }),
    ).toBe(100);
    const failures = fresh.logger.lines.filter(({ message }) => message === 'request failed');
    expect(failures).toHaveLength(100);
    expect(new Set(failures.map(({ fields }) => fields['errorGroup'])).size).toBe(1);
    expect(failures[99]!.fields).toMatchObject({
      code: 'internal.unexpected',
      operation: 'GET /v1/faults',
      correlationId: 'corr-7',
      tenant: 'acme',
      error: 'failure number 99',
      stack: expect.stringContaining('create-api.spec'),
    });
  });
});

describe('a route', () => {
  it('that does not exist is 404, and one with other methods 405 with Allow', async () => {
    const unknown = await under.api.app.inject({ url: '/v1/nothing' });
    const wrongMethod = await under.api.app.inject({ method: 'DELETE', url: '/v1/notes/1', headers: admin });
    const badBody = await under.api.app.inject({
      method: 'POST',
      url: '/v1/nothing',
      headers: { 'content-type': 'text/xml' },
      payload: '<a/>',
    });

    expect([unknown.statusCode, unknown.json<{ code: string }>().code]).toEqual([404, 'http.unknown-route']);
    expect([wrongMethod.statusCode, wrongMethod.json<{ code: string }>().code]).toEqual([
      405,
      'http.method-not-allowed',
    ]);
    expect(wrongMethod.headers['allow']).toBe('GET, HEAD, POST, PUT');
    expect(badBody.statusCode).toBe(404);
  });

  it.each(platformRoutes())('%s answers nobody without a token', async (route) => {
    const [method, path] = route.split(' ') as ['GET', string];
    const answer = await under.api.app.inject({ method, url: path.replaceAll(/:\w+/g, 'x') });

    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([401, 'security.token-missing']);
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="groundwork"');
  });

  it('answers 403 to those whose roles do not grant it, before looking at the body', async () => {
    const viewer = await under.authorization({ role: 'viewer' });
    const answer = await under.api.app.inject({
      method: 'POST',
      url: '/v1/notes/1',
      headers: { ...viewer, 'content-type': 'text/xml' },
      payload: '<',
    });

    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([403, 'security.not-permitted']);
  });

  it('that is public needs no token', async () => {
    expect((await under.api.app.inject({ url: '/v1/greeting' })).json()).toEqual({ hello: 'world' });
  });

  function platformRoutes(): string[] {
    return [
      'GET /v1/commands/:id',
      'GET /v1/commands',
      'POST /v1/commands/:id/retry',
      'GET /v1/events',
      'GET /v1/events/stream',
      'GET /v1/streams/:type/:id',
      'GET /v1/streams/:stream',
      'GET /v1/projections',
      'GET /v1/projections/:name',
      'POST /v1/projections/:name/pause',
      'POST /v1/projections/:name/resume',
      'POST /v1/projections/:name/rebuild',
      'POST /v1/projections/:name/shadow',
      'POST /v1/projections/:name/switch',
      'POST /v1/projections/:name/cancel',
      'POST /v1/projections/:name/rollback',
      'POST /v1/projections/:name/drop-previous',
      'GET /v1/operations/:id',
      'GET /v1/operations/:id/differences',
      'GET /v1/dead-letters',
      'POST /v1/dead-letters/:id/retry',
      'POST /v1/dead-letters/:id/discard',
    ];
  }
});

describe('the start is stopped', () => {
  const described = (change: Partial<Endpoint>): Endpoint => ({
    ...endpoint({
      method: 'GET',
      path: '/v1/things/:id',
      summary: 'A thing',
      permission: 'things:read',
      responses: {},
      handle: async () => ({ status: 200 }),
    }),
    ...change,
  });

  it.each([
    [
      'by an endpoint without permission',
      [described({ permission: undefined as never })],
      'api.endpoint-without-permission',
    ],
    ['by an empty permission', [described({ permission: '' as never })], 'api.endpoint-without-permission'],
    ['by a wildcard permission', [described({ permission: '*:*' })], 'api.endpoint-without-permission'],
    [
      'by two endpoints of one route',
      [described({}), described({ path: '/v1/things/:name' })],
      'api.endpoint-declared-twice',
    ],
    ['by a path outside /v1', [described({ path: '/things' })], 'api.endpoint-path'],
  ])('%s', async (_name, endpoints, code) => {
    await expect(apiUnderTest({ endpoints })).rejects.toMatchObject({ code });
  });

  it('by no endpoint whose path is the same and whose method is another', async () => {
    await using started = await apiUnderTest({ endpoints: [described({}), described({ method: 'DELETE' })] });

    expect((await started.api.app.inject({ method: 'DELETE', url: '/v1/things/1' })).statusCode).toBe(401);
  });
});
