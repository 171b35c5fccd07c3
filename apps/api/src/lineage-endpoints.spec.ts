// The ways back: from a row to its events, from a request to all that followed, from a stream to every state it had.
import { ProjectionRunner, streamModel, type Projection, type RecordedEvent, type Row } from '@groundwork/application';
import type { Decider, DomainEvent, TenantId } from '@groundwork/domain';
import {
  MemoryLogger,
  MemoryMetrics,
  MemoryTracer,
  newCommand,
  newEvent,
  SeededIds,
  SystemClock,
  VmTimeLimit,
} from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiUnderTest, type ApiUnderTest } from './testing/api-under-test.ts';

interface NoteData {
  readonly title?: string;
  readonly text?: string;
}
type NoteEvent = DomainEvent<'NoteWritten', NoteData>;

interface State {
  readonly streamVersion: number;
  readonly actor: string;
  readonly occurredAt: string;
  readonly state: { readonly value: unknown; readonly changed: string[] };
  readonly rows: readonly { readonly value: NoteData; readonly changed: string[] }[];
}

const notesList: Projection = {
  name: 'notes.list',
  schemaVersion: 1,
  table: {
    schema: 'notes',
    name: 'note',
    key: 'id',
    columns: { id: 'text', title: 'text', text: 'text', file: 'text', stream_version: 'integer' },
  },
  eventTypes: ['NoteWritten'],
  streamOf: (id) => ({ type: 'note', id }),
  keyOf: ({ stream }) => stream.id,
  apply: (row, event) => rowAfter(row, event),
};
const rowAfter = (row: Row | undefined, { stream, streamVersion, data }: RecordedEvent): Row => ({
  ...{ title: null, text: null, file: null, ...row, ...(data as NoteData) },
  id: stream.id,
  stream_version: streamVersion,
});

const note: Decider<never, { words: number }, NoteEvent> = {
  initialState: { words: 0 },
  decide: () => [],
  evolve: ({ words }, { data }) => ({ words: words + (data.text?.split(' ').length ?? 0) }),
};
const noteModel = streamModel('note', note, ({ type, data }) => ({ type, data }) as NoteEvent);

const TENANT = 'demo' as TenantId;
const command = newCommand({ tenant: TENANT, correlationId: 'order-1', actor: { subject: 'ada', permissions: [] } });
const followUp = newCommand({ tenant: TENANT, correlationId: 'order-1', type: 'notes.announce' });

let under: ApiUnderTest;
const tokens: Record<string, { authorization: string }> = {};
beforeAll(async () => {
  under = await apiUnderTest({ projections: [notesList], models: [noteModel] });
  for (const role of ['viewer', 'admin']) tokens[role] = await under.authorization({ role });
  tokens['foreign'] = await under.authorization({ tenant: 'other' });
  const write = async (id: string, actor: string, causationId: string, data: NoteData, hour: number) => {
    const event = newEvent('NoteWritten', data, {
      occurredAt: new Date(Date.UTC(2026, 0, 1, hour)),
      metadata: { actor, correlationId: 'order-1', causationId },
    });
    await under.events.append({ tenant: TENANT, stream: { type: 'note', id }, expected: 'any', events: [event] });
    return event.id;
  };
  const first = await write('a', 'ada', command.id, { title: 'A', text: 'one two' }, 8);
  await write('a', 'bob', 'mail-7', { text: 'one two three' }, 9);
  await write('a', 'ada', followUp.id, { title: 'A' }, 10);
  await under.commands.accept(command);
  await under.commands.accept({ ...followUp, causationId: first });
  await under.commands.claim('worker', 10, 60_000);
  const stored = (await under.commands.get(TENANT, followUp.id))!;
  await under.commands.fail(stored, 'worker', { code: 'notes.refused', message: 'Nobody listens.' });
  const [clock, logger, metrics, ids] = [new SystemClock(), new MemoryLogger(), new MemoryMetrics(), new SeededIds()];
  const timeLimit = new VmTimeLimit();
  const running = { clock, logger, metrics, ids, timeLimit, tracer: new MemoryTracer() };
  const ports = { store: under.projections, log: under.log, signal: under.signal, ...running };
  while (await new ProjectionRunner(notesList, ports, { owner: 'worker' }).runOnce());
});
afterAll(async () => under[Symbol.asyncDispose]());

const call = async (url: string, token = 'admin') => {
  const answer = await under.api.app.inject({ url, headers: tokens[token]! });
  return { status: answer.statusCode, body: answer.json() };
};

describe('/v1/projections/{name}/rows/{key}/lineage', () => {
  const path = '/v1/projections/notes.list/rows/a/lineage';

  it('leads from a row to the events that set its columns, their commands and actors', async () => {
    const { status, body } = await call(path);
    expect([status, body]).toEqual([200, expect.objectContaining({ stream: 'note/a', isStored: true, differs: [] })]);
    const columns = body.columns.map(({ column, value, origin }: Record<string, never>) => [
      column,
      value,
      origin?.['streamVersion'] ?? null,
      origin?.['actor'] ?? null,
    ]);
    expect(columns).toEqual([
      ['id', 'a', 1, 'ada'],
      ['title', 'A', 1, 'ada'],
      ['text', 'one two three', 2, 'bob'],
      ['file', null, null, null],
      ['stream_version', 3, 3, 'ada'],
    ]);
    expect(body.items).toMatchObject([
      { streamVersion: 1, command: { id: command.id, type: 'notes.write-note' }, values: { title: 'A' } },
      { streamVersion: 2, command: null, causationId: 'mail-7', changed: ['text', 'stream_version'] },
      { streamVersion: 3, command: { id: followUp.id, status: 'failed' }, changed: ['stream_version'] },
    ]);
  });

  it('shows who may not read payloads which columns were changed, and no value', async () => {
    const { body } = await call(path, 'viewer');
    expect(body.items[1]).toMatchObject({ actor: 'bob', changed: ['text', 'stream_version'] });
    expect(JSON.stringify(body)).not.toContain('one two');
  });

  it('comes page by page', async () => {
    const first = (await call(`${path}?limit=2`)).body;
    const second = (await call(`${path}?limit=2&after=${first.next}`)).body;
    expect([first.next, first.items.length, second.items.length, second.next]).toEqual(['2', 2, 1, null]);
  });

  it.each([
    ['/v1/projections/notes.list/rows/b/lineage', 'admin', 404, 'projection.row-unknown'],
    [path, 'foreign', 404, 'projection.row-unknown'],
    ['/v1/projections/unknown/rows/a/lineage', 'admin', 404, 'projection.unknown'],
    [`${path}?stream=nothing`, 'admin', 422, 'stream.malformed'],
  ])('%s for %s is %i', async (url, token, status, code) => {
    expect(await call(url, token)).toMatchObject({ status, body: { code } });
  });
});

describe('/v1/correlations/{id}', () => {
  it('holds every command and event of a request with what caused it, and what became of it', async () => {
    const { items, next } = (await call('/v1/correlations/order-1')).body;
    expect(items).toMatchObject([
      { kind: 'command', id: command.id, causationId: null, actor: 'ada', status: 'consumed', error: null },
      { kind: 'command', id: followUp.id, causationId: items[2].id, error: { code: 'notes.refused' } },
      { kind: 'event', stream: 'note/a', streamVersion: 1, causationId: command.id },
      { kind: 'event', streamVersion: 2, causationId: 'mail-7' },
      { kind: 'event', streamVersion: 3, causationId: followUp.id },
    ]);
    expect(next).toBeNull();
  });

  it.each([1, 2, 3])('comes whole in pages of %i', async (limit) => {
    const whole = (await call('/v1/correlations/order-1')).body.items;
    const seen: unknown[] = [];
    for (let next: string | null = ''; next !== null;) {
      const cursor: string = next === '' ? '' : `&cursor=${next}`;
      const { body } = await call(`/v1/correlations/order-1?limit=${limit}${cursor}`);
      expect(body.items.length).toBeLessThanOrEqual(limit);
      seen.push(...body.items);
      next = body.next;
    }
    expect(seen).toEqual(whole);
  });

  it.each([
    ['/v1/correlations/unknown', 'admin', 404, 'correlation.unknown'],
    ['/v1/correlations/order-1', 'foreign', 404, 'correlation.unknown'],
    ['/v1/correlations/order-1?cursor=command~123456789012345678901234567890123456', 'admin', 422, undefined],
    ['/v1/correlations/order-1?cursor=x', 'admin', 422, undefined],
  ])('%s for %s is %i', async (url, token, status, code) => {
    const answer = await call(url, token);
    expect(answer.status).toBe(status);
    if (code !== undefined) expect(answer.body.code).toBe(code);
  });
});

describe('/v1/streams/{type}/{id}/states', () => {
  const path = '/v1/streams/note/a/states';

  it('are every state that the stream had: by whom, when, and what changed in the model and in the rows', async () => {
    const { items } = (await call(path)).body;
    const states = items.map(({ streamVersion, actor, occurredAt, state, rows }: State) => [
      streamVersion,
      actor,
      occurredAt.slice(11, 13),
      state.value,
      state.changed,
      rows.map(({ value, changed }) => [value.text, changed]),
    ]);
    expect(states).toEqual([
      [1, 'ada', '08', { words: 2 }, ['words'], [['one two', ['id', 'title', 'text', 'stream_version']]]],
      [2, 'bob', '09', { words: 5 }, ['words'], [['one two three', ['text', 'stream_version']]]],
      [3, 'ada', '10', { words: 5 }, [], [['one two three', ['stream_version']]]],
    ]);
  });

  it('come page by page, each going on where the one before ended', async () => {
    const whole = (await call(path)).body.items;
    const [first] = [(await call(`${path}?limit=2`)).body];
    const second = (await call(`${path}?limit=2&after=${first.next}`)).body;
    expect([...first.items, ...second.items, second.next]).toEqual([...whole, null]);
  });

  it.each([
    ['version=2', 2],
    ['version=last', 3],
    ['at=2026-01-01T09:59:59.999Z', 2],
    ['at=2026-01-01T10:00:00Z', 3],
  ])('?%s is one of them', async (query, version) => {
    const { items } = (await call(path)).body;
    expect((await call(`${path}?${query}`)).body).toEqual({ items: [items[version - 1]], next: null });
  });

  it('show who may not read payloads what changed, and no value', async () => {
    const { body } = await call(path, 'viewer');
    expect(body.items[1].rows[0]).toEqual({
      projection: 'notes.list',
      key: 'a',
      changed: ['text', 'stream_version'],
      error: null,
    });
    expect(JSON.stringify(body)).not.toContain('words":');
  });

  it.each([
    ['/v1/streams/note/unknown/states', 'admin', 404, 'stream.unknown'],
    [path, 'foreign', 404, 'stream.unknown'],
    [`${path}?version=4`, 'admin', 404, 'stream.no-such-state'],
    [`${path}?at=2025-01-01T00:00:00Z`, 'admin', 404, 'stream.no-such-state'],
    ['/v1/streams/NOTE/a/states', 'admin', 422, 'stream.malformed'],
    [`${path}?version=0`, 'admin', 422, 'http.invalid-request'],
    [`${path}?version=1&at=2026-01-01T00:00:00Z`, 'admin', 422, 'http.invalid-request'],
  ])('%s for %s is %i', async (url, token, status, code) => {
    expect(await call(url, token)).toMatchObject({ status, body: { code } });
  });
});
