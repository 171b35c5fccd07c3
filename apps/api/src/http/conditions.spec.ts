import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { endpoint, type Projection } from '@groundwork/application';
import { apiUnderTest, type ApiUnderTest } from '../testing/api-under-test.ts';

let under: ApiUnderTest;
let admin: { authorization: string };
const notesList: Projection = {
  name: 'notes.list',
  schemaVersion: 1,
  table: { schema: 'notes', name: 'note', key: 'id', columns: { id: 'text' } },
  eventTypes: ['NoteWritten'],
  keyOf: () => undefined,
  apply: (row) => row,
};
const summary = { streamVersion: 1, title: 'made with the first mapping' };
const readSummary = endpoint({
  method: 'GET',
  path: '/v1/note-summary',
  summary: 'A row of a projection',
  permission: 'notes:read',
  reads: 'notes.list',
  responses: { 200: { description: 'The row' } },
  handle: async () => ({ status: 200, body: { title: summary.title }, streamVersion: summary.streamVersion }),
});
beforeAll(async () => {
  under = await apiUnderTest({ projections: [notesList], endpoints: [readSummary] });
  admin = await under.authorization();
  await under.projections.register(notesList, 1);
});
afterAll(async () => under[Symbol.asyncDispose]());

let notes = 0;
const newNote = (): string => `/v1/notes/n${++notes}`;
const call = async (
  method: 'GET' | 'POST' | 'PUT' | 'HEAD',
  url: string,
  headers: Record<string, string> = {},
  text = 'a',
) =>
  under.api.app.inject({
    method,
    url,
    headers: {
      ...admin,
      ...headers,
      ...(method === 'POST' || method === 'PUT' ? { 'content-type': 'application/json' } : {}),
    },
    ...(method === 'POST' || method === 'PUT' ? { payload: JSON.stringify({ text }) } : {}),
  });

describe('ETag', () => {
  it('is the stream version, and a GET that knows it is answered 304 without a body', async () => {
    const note = newNote();
    const written = await call('POST', note);
    expect(written.headers).toMatchObject({
      etag: '"1"',
      'groundwork-position': expect.stringMatching(/^\d+$/),
      location: note,
    });

    for (const known of ['"1"', 'W/"1"', '"7", "1"', '*']) {
      const again = await call('GET', note, { 'if-none-match': known });
      expect([again.statusCode, again.body, again.headers['etag']]).toEqual([304, '', '"1"']);
    }
    for (const other of ['"2"', '1', '"11"', ''])
      expect((await call('GET', note, { 'if-none-match': other })).statusCode).toBe(200);
  });

  it('of a read model gives the version for If-Match only: a rebuild changes values, and no version', async () => {
    const first = await call('GET', '/v1/note-summary');
    summary.title = 'made with the corrected mapping';
    const etag = String(first.headers['etag']);
    const again = await call('GET', '/v1/note-summary', { 'if-none-match': etag });

    expect([again.statusCode, again.json(), etag, again.headers['etag']]).toEqual([
      200,
      { title: 'made with the corrected mapping' },
      '"1"',
      '"1"',
    ]);
  });

  it('on a problem is never sent', async () => {
    expect((await call('GET', '/v1/notes/unknown', { 'if-none-match': '*' })).headers).not.toHaveProperty('etag');
  });

  it('is answered to HEAD as to GET', async () => {
    const note = newNote();
    await call('POST', note);
    const head = await call('HEAD', note);

    expect([head.statusCode, head.body, head.headers['etag']]).toEqual([200, '', '"1"']);
  });
});

describe('If-Match', () => {
  it('is required where the endpoint says so', async () => {
    const answer = await call('PUT', newNote());

    expect([answer.statusCode, answer.json().code]).toEqual([428, 'http.if-match-required']);
  });

  it('lets exactly the named version through', async () => {
    const note = newNote();
    await call('POST', note);

    expect((await call('PUT', note, { 'if-match': '"1"' })).headers['etag']).toBe('"2"');
    const stale = await call('PUT', note, { 'if-match': '"1"' });
    expect([stale.statusCode, stale.json()]).toEqual([
      412,
      expect.objectContaining({ code: 'http.precondition-failed', currentVersion: 2 }),
    ]);
  });

  it.each([
    ['1'],
    ['W/"1"'],
    ['"1", "2"'],
    ['*'],
    ['"-1"'],
    ['"01"'],
    ['"1e3"'],
    ['"x"'],
    ['""'],
    ['"9999999999999999"'],
  ])('%s is malformed', async (tag) => {
    const answer = await call('PUT', newNote(), { 'if-match': tag });

    expect([answer.statusCode, answer.json().code]).toEqual([400, 'http.malformed-header']);
  });
});

describe('If-None-Match on a change', () => {
  it('* writes only what does not exist yet', async () => {
    const note = newNote();

    expect((await call('POST', note, { 'if-none-match': '*' })).statusCode).toBe(201);
    expect((await call('POST', note, { 'if-none-match': '*' })).statusCode).toBe(412);
  });

  it.each([[{ 'if-none-match': '"1"' }], [{ 'if-none-match': '*', 'if-match': '"1"' }]])(
    '%j is malformed',
    async (headers) => {
      const answer = await call('POST', newNote(), headers as Record<string, string>);

      expect([answer.statusCode, answer.json().code]).toEqual([400, 'http.malformed-header']);
    },
  );
});

describe('Idempotency-Key', () => {
  it('gives the first answer again, and says so', async () => {
    const first = await call('POST', '/v1/note-commands', { 'idempotency-key': 'key-1' });
    const again = await call('POST', '/v1/note-commands', { 'idempotency-key': 'key-1' });
    const other = await call('POST', '/v1/note-commands', { 'idempotency-key': 'key-1' }, 'other');

    expect([first.statusCode, first.headers['idempotency-replayed']]).toEqual([202, undefined]);
    expect([again.statusCode, again.headers['idempotency-replayed'], again.body]).toEqual([202, 'true', first.body]);
    expect([other.statusCode, other.json().code]).toEqual([409, 'command.idempotency-key-reused']);
  });

  it.each([[''], ['with space'], ['ünïcode'], ['tab\tinside']])('"%s" is malformed', async (key) => {
    const answer = await call('POST', '/v1/note-commands', { 'idempotency-key': key });

    expect([answer.statusCode, answer.json().code]).toEqual([400, 'http.malformed-header']);
  });
});

describe('Groundwork-Min-Position', () => {
  const positionOfWrite = async (): Promise<string> =>
    String((await call('POST', newNote())).headers['groundwork-position']);

  it('answers 503 with Retry-After while the projection is behind, and waits for it when asked to', async () => {
    const position = await positionOfWrite();
    const behind = await call('GET', '/v1/notes', { 'groundwork-min-position': position, prefer: 'wait=0' });
    expect([behind.statusCode, behind.json().code, behind.headers['retry-after']]).toEqual([
      503,
      'query.position-not-reached',
      '1',
    ]);

    const waiting = call('GET', '/v1/notes', { 'groundwork-min-position': position, prefer: 'respond-async, wait=30' });
    const [slice] = await under.projections.lease(notesList, 'worker', 10_000, 1);
    await under.projections.advance(notesList, slice!, BigInt(position), async () => undefined);

    expect([(await waiting).statusCode, (await waiting).headers['preference-applied']]).toEqual([200, 'wait=30']);
  });

  it('beyond the end of the log is the caller’s mistake, not ours', async () => {
    const beyond = (BigInt(await positionOfWrite()) + 1n).toString();
    const answer = await call('GET', '/v1/notes', { 'groundwork-min-position': beyond });

    expect([answer.statusCode, answer.json().code]).toEqual([422, 'query.position-unknown']);
  });

  it.each([['-1'], ['1.5'], ['x'], ['9223372036854775808'], [''], ['0x1']])('"%s" is malformed', async (position) => {
    const answer = await call('GET', '/v1/notes', { 'groundwork-min-position': position });

    expect([answer.statusCode, answer.json().code]).toEqual([400, 'http.malformed-header']);
  });
});
