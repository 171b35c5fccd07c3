import { ExactJson } from '@groundwork/application';
import { eventually, newEvent } from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { apiUnderTest, type ApiUnderTest } from '../testing/api-under-test.ts';

let under: ApiUnderTest;
let url: string;
const open: AbortController[] = [];
beforeEach(async () => {
  under = await apiUnderTest({ options: { limits: { heartbeatIntervalMs: 50, streamsPerTenantMax: 2 } } });
  url = (await under.listen()).url;
});
afterEach(async () => {
  for (const reader of open.splice(0)) reader.abort();
  await under[Symbol.asyncDispose]();
});

interface Reader {
  readonly status: number;
  readonly type: string | null;
  /** All that came so far. */
  text: string;
  ended: boolean;
  leave(): void;
}

async function read(query = '', headers: Record<string, string> = {}): Promise<Reader> {
  const leaving = new AbortController();
  open.push(leaving);
  const answer = await fetch(`${url}/v1/events/stream${query}`, {
    headers: { ...(await under.authorization()), ...headers },
    signal: leaving.signal,
  });
  const reader: Reader = {
    status: answer.status,
    type: answer.headers.get('content-type'),
    text: '',
    ended: false,
    leave: () => leaving.abort(),
  };
  const collect = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of answer.body!) reader.text += decoder.decode(chunk, { stream: true });
  };
  void collect()
    .catch(() => undefined)
    .then(() => (reader.ended = true));
  return reader;
}

const append = async (id: string, data: unknown = { id }, tenant = 'demo'): Promise<void> => {
  const event = newEvent('NoteWritten', data);
  await under.events.append({
    tenant: tenant as never,
    stream: { type: 'note', id },
    expected: 'any',
    events: [event],
  });
};
const streamsIn = (text: string): string[] => [...text.matchAll(/"stream":"note\/([^"]+)"/g)].map(([, id]) => id!);
const idsIn = (text: string): string[] => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id!);

describe('GET /v1/events/stream', () => {
  it('tells what happens from now on, to the tenant it belongs to, with a heartbeat in between', async () => {
    await append('before');
    const reader = await read();
    expect([reader.status, reader.type]).toEqual([200, 'text/event-stream; charset=utf-8']);
    await eventually(() => reader.text.includes(': heartbeat\n\n'));

    await append('foreign', {}, 'other');
    for (const id of ['a', 'b', 'c']) await append(id);

    await eventually(() => streamsIn(reader.text).length === 3);
    expect(streamsIn(reader.text)).toEqual(['a', 'b', 'c']);
  });

  it('goes on behind Last-Event-ID, so that a reader who reconnects misses nothing and sees nothing twice', async () => {
    for (let n = 0; n < 250; n++) await append(`n${n}`);
    const first = await read('?after=0');
    await eventually(() => streamsIn(first.text).length >= 100);
    first.leave();
    const seen = streamsIn(first.text);

    const second = await read('?after=0', { 'last-event-id': idsIn(first.text)[seen.length - 1]! });
    await eventually(() => seen.length + streamsIn(second.text).length >= 250);

    expect([...seen, ...streamsIn(second.text)]).toEqual(Array.from({ length: 250 }, (_, n) => `n${n}`));
  });

  it('keeps to its filter', async () => {
    const reader = await read('?after=0&stream=note/b');
    for (const id of ['a', 'b', 'c', 'b']) await append(id);

    await eventually(() => streamsIn(reader.text).length === 2);
    expect(streamsIn(reader.text)).toEqual(['b', 'b']);
  });

  it('sends data of several lines so that it is put together again', async () => {
    const text = '{\n  "text": "two\\nlines"\r\n}';
    const reader = await read();
    await append('lines', new ExactJson(text));

    await eventually(() => streamsIn(reader.text).length === 1);
    const data = [...reader.text.matchAll(/^data: (.*)$/gm)].map(([, line]) => line).join('\n');
    expect(JSON.parse(data)).toMatchObject({ data: { text: 'two\nlines' } });
  });

  it('shows data only to those who may read payloads', async () => {
    await append('a', { text: 'marker' });
    const viewer = await read('?after=0', await under.authorization({ role: 'viewer' }));

    await eventually(() => streamsIn(viewer.text).length === 1);
    expect(viewer.text).not.toContain('marker');
  });

  it.each(['x', '-1', '1.5', '99999999999999999999'])('refuses Last-Event-ID %s', async (id) => {
    expect((await read('', { 'last-event-id': id })).status).toBe(422);
  });

  it('refuses a reader who is ahead of the log, which was restored to an earlier point', async () => {
    await append('a');
    expect((await read('', { 'last-event-id': '1' })).status).toBe(200);
    expect((await read('', { 'last-event-id': '2' })).status).toBe(409);
  });

  it('is given to a tenant a bounded number of times, and again when one has left', async () => {
    const [first] = [await read(), await read()];
    expect((await read()).status).toBe(429);
    expect((await read('', await under.authorization({ tenant: 'other' }))).status).toBe(200);

    first!.leave();

    await eventually(async () => (await read()).status === 200);
  });

  it('ends when the server stops', async () => {
    const reader = await read();
    await eventually(() => reader.text !== '');

    under.api.streams.stop();

    await eventually(() => reader.ended);
  });
});
