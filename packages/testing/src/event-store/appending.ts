// The part of the contract about storing: numbers, expectations, conflicts.
import { describe, expect, it } from '@jest/globals';
import { VersionConflict, type ExpectedVersion } from '@groundwork/application';
import { collected, dataOf, newEvent, newStream, newTenant } from '../new-event.ts';
import type { StoreAccess } from './event-store-contract.ts';

const note = (text: string) => newEvent('NoteWritten', { text });
const rejectionOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

export function describeAppending(store: StoreAccess): void {
  describe('appending', () => {
    describeNumbers(store);
    describeExpectations(store);
    describeRaces(store);
    describeRefusals(store);
  });
}

function describeNumbers(store: StoreAccess): void {
  it('numbers the events of a stream from 1 without gaps, and answers with the last number and position', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    const first = await store().events.append({
      tenant,
      stream,
      expected: 'no-stream',
      events: [note('a'), note('b')],
    });
    const second = await store().events.append({ tenant, stream, expected: 2, events: [note('c')] });

    const stored = await collected(store().events.readStream(tenant, stream));
    expect(stored.map((event) => event.streamVersion)).toEqual([1, 2, 3]);
    expect(first).toEqual({ streamVersion: 2, position: stored[1]!.position, repeated: false });
    expect(second).toEqual({ streamVersion: 3, position: stored[2]!.position, repeated: false });
  });

  it('gives back everything that was appended, with position and time of recording', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    const event = newEvent(
      'NoteWritten',
      { text: 'complete' },
      {
        source: 'salesforce',
        occurredAt: new Date('2026-05-07T11:22:33.456Z'),
        metadata: { actor: 'ada', correlationId: 'c-1', causationId: 'k-1', requestId: 'r-1', channel: 'phone' },
        validation: {
          rules: [{ rule: 'complete', outcome: 'noted', note: 'ünïcode 🌍' }],
          mappingVersion: 3,
          backfill: 'marked',
        },
      },
    );
    const { position } = await store().events.append({ tenant, stream, expected: 'any', events: [event] });

    const [recorded] = await collected(store().events.readStream(tenant, stream));
    const { data, ...kept } = event;
    expect(dataOf(recorded!)).toEqual(data);
    expect(recorded).toMatchObject({
      ...kept,
      position,
      tenant,
      stream,
      streamVersion: 1,
      schemaVersion: 1,
      recordedAt: expect.any(Date),
      dataText: '{"text":"complete"}',
    });
  });

  it('keeps an event without validation apart from one with', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    await store().events.append({ tenant, stream, expected: 'any', events: [note('plain')] });
    const [recorded] = await collected(store().events.readStream(tenant, stream));
    expect(recorded!.validation).toBeUndefined();
  });

  it('keeps tenants apart: the same stream id in two tenants is two streams', async () => {
    const [ours, theirs, stream] = [newTenant(), newTenant(), newStream()];
    await store().events.append({ tenant: ours, stream, expected: 'no-stream', events: [note('ours')] });
    await store().events.append({ tenant: theirs, stream, expected: 'no-stream', events: [note('theirs')] });

    const read = await collected(store().events.readStream(theirs, stream));
    expect(read.map((event) => [event.tenant, event.streamVersion, dataOf(event)])).toEqual([
      [theirs, 1, { text: 'theirs' }],
    ]);
    expect(await store().events.query(ours, { after: 0n, limit: 10 })).toHaveLength(1);
  });
}

function describeExpectations(store: StoreAccess): void {
  const cases: readonly { expected: ExpectedVersion; lengthBefore: number; holds: boolean }[] = [
    { expected: 0, lengthBefore: 0, holds: true },
    { expected: 2, lengthBefore: 2, holds: true },
    { expected: 'no-stream', lengthBefore: 0, holds: true },
    { expected: 'stream-exists', lengthBefore: 1, holds: true },
    { expected: 'any', lengthBefore: 0, holds: true },
    { expected: 'any', lengthBefore: 2, holds: true },
    { expected: 0, lengthBefore: 1, holds: false },
    { expected: 1, lengthBefore: 2, holds: false },
    { expected: 3, lengthBefore: 2, holds: false },
    { expected: 'no-stream', lengthBefore: 1, holds: false },
    { expected: 'stream-exists', lengthBefore: 0, holds: false },
  ];
  it.each(cases)(
    'S1-03, S4-10 expecting $expected of a stream of $lengthBefore events holds: $holds',
    async ({ expected, lengthBefore, holds }) => {
      const [tenant, stream] = [newTenant(), newStream()];
      const before = Array.from({ length: lengthBefore }, (_, index) => note(`before ${index}`));
      if (lengthBefore > 0) await store().events.append({ tenant, stream, expected: 0, events: before });

      const error = await rejectionOf(
        store().events.append({ tenant, stream, expected, events: [note('x'), note('y')] }),
      );

      const length = (await collected(store().events.readStream(tenant, stream))).length;
      expect(length).toBe(holds ? lengthBefore + 2 : lengthBefore);
      if (holds) return expect(error).toBeUndefined();
      expect(error).toBeInstanceOf(VersionConflict);
      expect(error).toMatchObject({ code: 'event-store.version-conflict', actual: lengthBefore });
      expect(error).toMatchObject({ details: { expected, actual: lengthBefore } });
    },
  );

  it('goes on with the same store after a conflict', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    for (let round = 0; round < 30; round++) {
      await rejectionOf(store().events.append({ tenant, stream, expected: 'stream-exists', events: [note('never')] }));
    }
    const { streamVersion } = await store().events.append({ tenant, stream, expected: 0, events: [note('now')] });
    expect(streamVersion).toBe(1);
  });
}

function describeRaces(store: StoreAccess): void {
  it('lets exactly one of 50 simultaneous first appends win', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    const attempts = Array.from({ length: 50 }, (_, index) =>
      rejectionOf(store().events.append({ tenant, stream, expected: 'no-stream', events: [note(`racer ${index}`)] })),
    );
    const errors = (await Promise.all(attempts)).filter((error) => error !== undefined);

    expect(errors).toHaveLength(49);
    for (const error of errors) expect(error).toMatchObject({ code: 'event-store.version-conflict', actual: 1 });
    expect(await collected(store().events.readStream(tenant, stream))).toHaveLength(1);
  });

  it('stores all of 50 simultaneous appends that expect nothing, each with its own number', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    const appended = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        store().events.append({
          tenant,
          stream,
          expected: 'any',
          events: [note(`one ${index}`), note(`two ${index}`)],
        }),
      ),
    );

    const stored = await collected(store().events.readStream(tenant, stream));
    expect(stored.map((event) => event.streamVersion)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(appended.map(({ streamVersion }) => streamVersion).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 50 }, (_, index) => (index + 1) * 2),
    );
    for (const { streamVersion, position } of appended) expect(stored[streamVersion - 1]!.position).toBe(position);
  });
}

function describeRefusals(store: StoreAccess): void {
  const refusals = [
    {
      what: 'an event of a type that nobody declares',
      events: [note('fine'), newEvent('NoteBurnt', {})],
      code: 'event-types.unregistered',
    },
    {
      what: 'data that violates the schema',
      events: [note('fine'), newEvent('NoteWritten', { text: 7 })],
      code: 'event-store.schema-violated',
    },
    { what: 'an append without events', events: [], code: 'event-store.batch-size' },
    {
      what: 'a time that is none',
      events: [newEvent('FactKept', {}, { occurredAt: new Date(NaN) })],
      code: 'event-store.malformed-time',
    },
  ];
  it.each(refusals)('refuses $what with $code and stores nothing', async ({ events, code }) => {
    const [tenant, stream] = [newTenant(), newStream()];
    const error = await rejectionOf(store().events.append({ tenant, stream, expected: 'any', events }));
    expect(error).toMatchObject({ code });
    expect(await collected(store().events.readStream(tenant, stream))).toEqual([]);
  });
}
