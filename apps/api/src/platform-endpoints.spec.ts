import { randomUUID } from 'node:crypto';
import type { Projection } from '@groundwork/application';
import { newEvent } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiUnderTest, type ApiUnderTest } from './testing/api-under-test.ts';

const notesList: Projection = {
  name: 'notes.list',
  schemaVersion: 1,
  table: { schema: 'notes', name: 'note', key: 'id', columns: { id: 'text' } },
  eventTypes: ['NoteWritten'],
  keyOf: () => undefined,
  apply: (row) => row,
};

let under: ApiUnderTest;
const tokens: Record<string, { authorization: string }> = {};
beforeAll(async () => {
  under = await apiUnderTest({ projections: [notesList] });
  for (const role of ['viewer', 'operator', 'developer', 'admin', 'installation-operator'])
    tokens[role] = await under.authorization({ role });
  tokens['tenantAdmin'] = await under.authorization({ tenant: 'another', role: 'admin' });
  tokens['foreign'] = await under.authorization({ tenant: 'other' });
  await under.projections.register(notesList, 2);
  for (let n = 1; n <= 5; n++) await append(`a${n % 2}`, n);
  await append('a1', 6, 'other');
});
afterAll(async () => under[Symbol.asyncDispose]());

const append = async (id: string, n: number, tenant = 'demo') =>
  under.events.append({
    tenant: tenant as never,
    stream: { type: 'note', id },
    expected: 'any',
    events: [
      newEvent(
        'NoteWritten',
        { n },
        { source: n % 2 === 0 ? 'system' : 'api', metadata: { actor: 'ada', correlationId: `c${n}` } },
      ),
    ],
  });
const call = async (url: string, method: 'GET' | 'POST' = 'GET', token = 'admin') => {
  const answer = await under.api.app.inject({ url, method, headers: tokens[token]! });
  return { status: answer.statusCode, headers: answer.headers, body: answer.json() };
};
const numbers = (body: { items: { data: { n: number } }[] }): number[] => body.items.map(({ data }) => data.n);

describe('/v1/events', () => {
  it('pages through the events of the tenant and of nobody else', async () => {
    const first = await call('/v1/events?limit=3');
    const second = await call(`/v1/events?limit=3&after=${first.body.next}`);

    expect([numbers(first.body), numbers(second.body), second.body.next]).toEqual([[1, 2, 3], [4, 5], null]);
    expect(numbers((await call('/v1/events', 'GET', 'foreign')).body)).toEqual([6]);
  });

  it.each([
    ['source=system', [2, 4]],
    ['stream=note/a1', [1, 3, 5]],
    ['correlationId=c3', [3]],
    ['type=NoteWritten&source=api&after=1', [3, 5]],
    ['type=Unknown', []],
  ])('?%s', async (query, expected) => {
    expect(numbers((await call(`/v1/events?${query}`)).body)).toEqual(expected);
  });

  it('shows all fields, and the data only to those who may read payloads', async () => {
    const [event] = (await call('/v1/events?limit=1')).body.items;

    expect(event).toEqual({
      position: '1',
      id: expect.any(String),
      stream: 'note/a1',
      streamVersion: 1,
      type: 'NoteWritten',
      schemaVersion: 1,
      source: 'api',
      occurredAt: '2026-01-01T00:00:00.000Z',
      recordedAt: expect.any(String),
      metadata: { actor: 'ada', correlationId: 'c1' },
      validation: null,
      data: { n: 1 },
    });
    for (const [role, shown] of [
      ['viewer', false],
      ['operator', false],
      ['developer', true],
    ] as const) {
      expect('data' in (await call('/v1/events?limit=1', 'GET', role)).body.items[0]).toBe(shown);
    }
  });

  it.each([
    'limit=0',
    'limit=201',
    'after=-1',
    'after=9223372036854775808',
    'source=nowhere',
    'stream=x',
    'stream=Note/1',
    'unknown=1',
    'limit=1&limit=2',
  ])('?%s is not accepted', async (query) => {
    expect((await call(`/v1/events?${query}`)).status).toBe(422);
  });

  it('refuses a reader who is ahead of the log, which would skip what the log gets there', async () => {
    expect((await call('/v1/events?after=6')).status).toBe(200);
    const { status, body } = await call('/v1/events?after=7');
    expect([status, body]).toEqual([409, expect.objectContaining({ code: 'events.ahead-of-log', head: '6' })]);
  });
});

describe('/v1/streams', () => {
  it.each(['/v1/streams/note/a1', '/v1/streams/note%2Fa1'])(
    '%s are the events of a stream, page by page',
    async (path) => {
      const first = await call(`${path}?limit=2`);
      const second = await call(`${path}?limit=2&after=${first.body.next}`);

      expect([numbers(first.body), numbers(second.body), second.body.next]).toEqual([[1, 3], [5], null]);
    },
  );

  it.each([
    ['/v1/streams/note/a1', 'foreign', 200],
    ['/v1/streams/note/a0', 'foreign', 404],
    ['/v1/streams/note/unknown', 'admin', 404],
    ['/v1/streams/nothing', 'admin', 422],
    ['/v1/streams/NOTE/a1', 'admin', 422],
  ])('%s for %s is %i', async (path, token, status) => {
    expect((await call(path, 'GET', token)).status).toBe(status);
  });
});

describe('/v1/relays', () => {
  const name = 'notes.told@elsewhere';
  beforeAll(() => under.projections.register({ name, schemaVersion: 1, eventTypes: ['NoteWritten'] }, 2, 1n));

  it('say how far they are; they are no projections, and are never rebuilt', async () => {
    const path = `/v1/relays/${encodeURIComponent(name)}`;
    expect((await call('/v1/relays')).body.items).toMatchObject([{ name, state: 'running', position: '1', parked: 0 }]);
    expect((await call(path)).body).toMatchObject({ name, partitions: [{ position: '1' }, { position: '1' }] });
    for (const verb of ['', '/pause', '/rebuild']) {
      const projection = `/v1/projections/${encodeURIComponent(name)}${verb}`;
      expect(await call(projection, verb === '' ? 'GET' : 'POST')).toMatchObject({
        status: 404,
        body: { code: 'projection.unknown' },
      });
    }
    expect((await call(`${path}/rebuild`, 'POST')).status).toBe(404);
    expect((await call('/v1/relays/notes.list')).body.code).toBe('relay.unknown');
  });

  it('are paused and resumed with the role of those who run the installation', async () => {
    const path = `/v1/relays/${encodeURIComponent(name)}`;
    expect((await call(`${path}/pause`, 'POST', 'operator')).status).toBe(403);
    expect((await call(`${path}/pause`, 'POST', 'installation-operator')).body.state).toBe('paused');
    expect((await call(`${path}/resume`, 'POST', 'installation-operator')).body.state).toBe('running');
  });
});

describe('/v1/projections', () => {
  it('say how far they are, and how far behind', async () => {
    const head = await under.log.head();
    const [first, second] = await under.projections.lease(notesList, 'worker', 60_000, 2);
    await under.projections.advance(notesList, first!, 4n, async () => undefined);
    await under.projections.advance(notesList, second!, 2n, async () => undefined);

    const { body } = await call('/v1/projections/notes.list');
    expect(body).toMatchObject({
      name: 'notes.list',
      state: 'running',
      position: '2',
      lagEvents: Number(head.position - 2n),
      parked: 0,
    });
    expect(body.lagSeconds).toBeGreaterThanOrEqual(0);
    expect(
      body.partitions.map(({ position, owner }: { position: string; owner: string }) => [position, owner]),
    ).toEqual([
      ['4', 'worker'],
      ['2', 'worker'],
    ]);
    expect((await call('/v1/projections')).body.items).toHaveLength(1);
  });

  it.each(['operator', 'developer', 'tenantAdmin', 'viewer'])(
    'cannot be rebuilt, paused or resumed by %s, a role that ends at its tenant: other tenants read them, too',
    async (role) => {
      for (const verb of ['rebuild', 'shadow', 'switch', 'cancel', 'rollback', 'drop-previous', 'pause', 'resume']) {
        const { status, body } = await call(`/v1/projections/notes.list/${verb}`, 'POST', role);
        expect([verb, status, body.permission]).toEqual([verb, 403, 'installation:operate']);
      }
      expect((await call('/v1/projections/notes.list', 'GET', role)).body).toMatchObject({ state: 'running' });
    },
  );

  it('are paused and resumed with the role of those who run the installation, which opens no data', async () => {
    const role = 'installation-operator';
    expect((await call('/v1/projections/notes.list/pause', 'POST', role)).body.state).toBe('paused');
    expect((await call('/v1/projections/notes.list/resume', 'POST', role)).body.state).toBe('running');
    expect((await call(`/v1/dead-letters/${randomUUID()}/retry`, 'POST', role)).status).toBe(403);
    expect((await call('/v1/events?limit=1', 'GET', role)).body.items[0]).not.toHaveProperty('data');
  });

  it('can be paused with the development token that everybody has, and with no other one', async () => {
    expect((await call('/v1/projections/notes.list/pause', 'POST', 'admin')).status).toBe(200);
    expect((await call('/v1/projections/notes.list/resume', 'POST', 'foreign')).status).toBe(403);
    expect((await call('/v1/projections/notes.list/resume', 'POST', 'admin')).status).toBe(200);
  });

  it('are rebuilt beside the live table: 202, an operation with progress, and a switch that can be taken back', async () => {
    const head = String((await under.log.head()).position);
    expect(await call('/v1/operations/rebuild~notes.list~1')).toMatchObject({ status: 404 });
    expect(await call('/v1/projections/notes.list/cancel', 'POST')).toMatchObject({
      status: 409,
      body: { code: 'projection.no-rebuild' },
    });
    await catchUp('notes.list');
    const begun = await call('/v1/projections/notes.list/rebuild', 'POST', 'installation-operator');
    expect([begun.status, begun.body]).toEqual([
      202,
      expect.objectContaining({ state: 'running', done: '0', total: head, eta: null, comparison: null, errors: [] }),
    ]);
    const again = await call('/v1/projections/notes.list/rebuild', 'POST');
    expect([again.status, again.body.code]).toEqual([409, 'projection.rebuild-open']);

    await catchUp('notes.list~1', notesList);
    const [rebuild] = await under.rebuilds.open();
    expect(await under.rebuilds.compare(notesList, rebuild!)).toBe(true);
    expect(await under.rebuilds.switchOver((await under.rebuilds.open())[0]!)).toBe(true);
    const operation = String(begun.headers['location']);
    const comparison = { rows: 0, added: 0, removed: 0, changed: 0, changedColumns: {} };
    expect((await call(operation)).body).toMatchObject({ state: 'done', done: head, total: head, comparison });
    expect((await call(`${operation}/differences`)).body).toEqual({ items: [] });
    expect((await call(`${operation}/differences`, 'GET', 'viewer')).status).toBe(403);
    expect((await call('/v1/projections/notes.list/rollback', 'POST')).body.state).toBe('rolled-back');
    expect((await call('/v1/projections/notes.list/rollback', 'POST')).body.code).toBe(
      'projection.nothing-to-roll-back',
    );
  });

  it('are built for a look only: a shadow run waits until somebody switches or cancels it', async () => {
    const { headers } = await call('/v1/projections/notes.list/shadow', 'POST');
    await catchUp('notes.list~2', notesList);
    const [shadow] = await under.rebuilds.open();
    await under.rebuilds.compare(notesList, shadow!);
    expect((await call(String(headers['location']))).body).toMatchObject({ state: 'waiting', shadow: true });
    expect((await call('/v1/projections/notes.list/switch', 'POST')).body).toMatchObject({
      state: 'running',
      shadow: false,
    });
    expect((await call('/v1/projections/notes.list/drop-previous', 'POST')).body.code).toBe('projection.rebuild-open');
    expect((await call('/v1/projections/notes.list/cancel', 'POST')).body).toMatchObject({ state: 'cancelled' });
  });

  /** What a worker would do: the slices of a projection or build are moved to the end of the log. */
  async function catchUp(name: string, projection = notesList): Promise<void> {
    const { position } = await under.log.head();
    for (const slice of await under.projections.lease({ ...projection, name }, 'worker', 60_000, 2)) {
      await under.projections.advance({ ...projection, name }, slice, position, async () => undefined);
    }
  }

  it.each([
    ['GET', '/v1/projections/unknown', 'projection.unknown'],
    ['POST', '/v1/projections/unknown/rebuild', 'projection.unknown'],
    ['POST', '/v1/projections/unknown/rollback', 'projection.unknown'],
    ['POST', '/v1/projections/unknown/pause', 'projection.unknown'],
    ['GET', '/v1/operations/rebuild~unknown~7', 'operation.unknown'],
    ['GET', '/v1/operations/rebuild~notes.list~0', 'operation.unknown'],
    ['GET', '/v1/operations/rebuild~notes.list~99', 'operation.unknown'],
    ['GET', '/v1/operations/rebuild~notes.list~1~1', 'operation.unknown'],
    ['GET', '/v1/operations/nothing', 'operation.unknown'],
  ] as const)('%s %s is 404', async (method, path, code) => {
    expect(await call(path, method)).toMatchObject({ status: 404, body: { code } });
  });
});

describe('/v1/dead-letters', () => {
  it('are listed, and retried or discarded by operators of their tenant', async () => {
    const [slice] = await under.projections.lease(notesList, 'worker', 60_000, 2);
    await under.projections.advance(notesList, slice!, slice!.position + 1n, async (tx) =>
      tx.park({
        projection: 'notes.list',
        slice: slice!.slice,
        stream: { tenant: 'demo', type: 'note', id: 'a1' },
        position: 3n,
        eventId: 'e',
        eventType: 'NoteWritten',
        attempts: 5,
        error: { code: 'notes.poison', message: 'no' },
      }),
    );

    const [parked] = (await call('/v1/dead-letters')).body.items;
    expect(parked).toMatchObject({
      projection: 'notes.list',
      stream: 'note/a1',
      position: '3',
      attempts: 5,
      decision: null,
    });
    expect(await call(`/v1/dead-letters/${parked.id}`)).toMatchObject({ status: 200, body: parked });
    expect(await call(`/v1/dead-letters/${parked.id}`, 'GET', 'foreign')).toMatchObject({
      status: 404,
      body: { code: 'dead-letter.unknown' },
    });
    expect((await call('/v1/dead-letters', 'GET', 'foreign')).body.items).toEqual([]);
    expect((await call(`/v1/dead-letters/${parked.id}/retry`, 'POST', 'viewer')).status).toBe(403);
    expect((await call(`/v1/dead-letters/${parked.id}/retry`, 'POST', 'foreign')).status).toBe(404);
    expect(await call(`/v1/dead-letters/${parked.id}/discard`, 'POST', 'operator')).toMatchObject({
      status: 202,
      body: { decision: 'discard' },
    });
  });
});
