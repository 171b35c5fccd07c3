// The part of the contract about content: what comes in goes out, and what would be bent is refused.
import { describe, expect, it } from '@jest/globals';
import { ExactJson, EventTypes, type LoggedEvent } from '@groundwork/application';
import fc from 'fast-check';
import { collected, dataOf, newEvent, newStream, newTenant } from '../new-event.ts';
import type { StoreAccess } from './event-store-contract.ts';
import { allTypes, laterNoteWritten, typesOfLater } from './types.ts';

const FORBIDDEN = /"(__proto__|constructor|prototype)"/;

export function describePayloads(store: StoreAccess): void {
  describe('payloads', () => {
    describeExactness(store);
    describeUnstorable(store);
    describeUpcasting(store);
  });
}

async function storedAs(store: StoreAccess, data: unknown): Promise<LoggedEvent> {
  const [tenant, stream] = [newTenant(), newStream()];
  await store().events.append({ tenant, stream, expected: 'no-stream', events: [newEvent('FactKept', data)] });
  return (await collected(store().events.readStream(tenant, stream)))[0]!;
}

function describeExactness(store: StoreAccess): void {
  const texts = [
    '{"commitNumber":1778192987716501507}',
    '{"z":1,"a":2,"10":3,"1":4}',
    '{"a":1,"a":2}',
    '{ "spaced" :\t[ 1 ,\n2 ] }',
    '-0',
    '1.0',
    '1.50e+3',
    '0.1000000000000000055511151231257827021181583404541015625',
    '"\\u00e9 é \\ud83c\\udf0d 🌍 \\/"',
    'null',
    '[]',
  ];
  it.each(texts)('gives back the very text %s', async (text) => {
    expect((await storedAs(store, new ExactJson(text))).dataText).toBe(text);
  });

  it('parses numbers that JavaScript cannot hold without losing a digit', async () => {
    const recorded = await storedAs(store, new ExactJson('{"commitNumber":1778192987716501507,"size":12}'));
    expect(JSON.stringify(dataOf(recorded))).toBe('{"commitNumber":1778192987716501507,"size":12}');
    expect(dataOf(recorded)).toMatchObject({ size: 12 });
  });

  it('gives back any JSON as it came', async () => {
    const json = fc
      .json({ stringUnit: 'binary', maxDepth: 6 })
      .filter((text) => !FORBIDDEN.test(text) && !text.includes('\\u0000'));
    await fc.assert(
      fc.asyncProperty(json, async (text) => {
        const recorded = await storedAs(store, new ExactJson(text));
        expect(recorded.dataText).toBe(text);
        expect(JSON.stringify(dataOf(recorded))).toBe(JSON.stringify(JSON.parse(text)));
      }),
      { numRuns: 100 },
    );
  });
}

function describeUnstorable(store: StoreAccess): void {
  const unstorable = [
    { what: 'a number beyond every double', data: new ExactJson('{"n":1e400}'), code: 'json.unstorable-number' },
    { what: 'NUL in a text', data: new ExactJson('{"s":"a\\u0000b"}'), code: 'json.unstorable-text' },
    { what: 'NUL in a key', data: new ExactJson('{"a\\u0000b":1}'), code: 'json.unstorable-text' },
    { what: 'half of a surrogate pair', data: new ExactJson('{"s":"\\ud83c"}'), code: 'json.unstorable-text' },
    { what: 'NUL in a value', data: { s: 'a\u0000b' }, code: 'json.unstorable-text' },
    { what: 'half of a surrogate pair in a value', data: { s: 'a\udf0d' }, code: 'json.unstorable-text' },
    { what: 'not a number', data: { list: [1, NaN] }, code: 'json.unstorable-number' },
    { what: 'infinity', data: { n: -Infinity }, code: 'json.unstorable-number' },
    { what: 'a key that names a prototype', data: new ExactJson('{"__proto__":{}}'), code: 'json.forbidden-key' },
    { what: 'text that is not JSON', data: new ExactJson('{"a":'), code: 'json.malformed' },
  ];
  it.each(unstorable)('refuses $what with $code', async ({ data, code }) => {
    await expect(storedAs(store, data)).rejects.toMatchObject({ code });
  });

  it('refuses NUL in metadata', async () => {
    const event = newEvent('FactKept', {}, { metadata: { actor: 'a\u0000', correlationId: 'c' } });
    const append = store().events.append({
      tenant: newTenant(),
      stream: newStream(),
      expected: 'any',
      events: [event],
    });
    await expect(append).rejects.toMatchObject({ code: 'json.unstorable-text' });
  });
}

function describeUpcasting(store: StoreAccess): void {
  it('S0-07, S2-28 reads an event of schema 1 as schema 3 on every path and leaves the stored row alone', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    const { position } = await store().events.append({
      tenant,
      stream,
      expected: 0,
      events: [newEvent('NoteWritten', { text: 'old' })],
    });
    const later = await store.open(typesOfLater);
    const paths = [
      await collected(later.events.readStream(tenant, stream)),
      await later.events.query(tenant, { after: 0n, limit: 10 }),
      (await later.log.read({ after: position - 1n, limit: 1, types: allTypes })).events,
      await later.log.readStreamRange({ tenant, ...stream }, 0n, position, 10),
    ];
    for (const [event] of paths) {
      expect(event).toMatchObject({ schemaVersion: 1, dataText: '{"text":"old"}' });
      expect(event!.parts).toMatchObject([{ part: 0, schemaVersion: 3, data: { body: 'old', length: 3 } }]);
    }
    const [unchanged] = await collected(store().events.readStream(tenant, stream));
    expect(unchanged!.parts).toMatchObject([{ schemaVersion: 1, data: { text: 'old' } }]);
    expect(() => new EventTypes([{ ...laterNoteWritten, upcasters: { 1: (data) => data } }])).toThrow(
      expect.objectContaining({ code: 'event-types.missing-upcaster' }),
    );
  });

  it('stores the schema version of the program that wrote, and does not upcast what is new already', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    const later = await store.open(typesOfLater);
    const events = [newEvent('NoteWritten', { body: 'new', length: 3 })];
    await later.events.append({ tenant, stream, expected: 0, events });
    const [recorded] = await collected(later.events.readStream(tenant, stream));
    expect(recorded!.parts).toMatchObject([{ schemaVersion: 3, data: { body: 'new', length: 3 } }]);
  });
}
