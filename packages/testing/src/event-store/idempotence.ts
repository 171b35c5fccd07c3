// The part of the contract about repetition: the same event is stored once, whoever sends it how often.
import { describe, expect, it } from '@jest/globals';
import { DuplicateEvent } from '@groundwork/application';
import { collected, newEvent, newStream, newTenant } from '../new-event.ts';
import type { StoreAccess } from './event-store-contract.ts';

export function describeIdempotence(store: StoreAccess): void {
  describe('idempotence', () => {
    describeRepetition(store);
    describeOtherContent(store);
  });
}

function describeRepetition(store: StoreAccess): void {
  it('answers a repeated append with the first result, also when the stream has moved on', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    const events = [newEvent('FactKept', { n: 1 }), newEvent('FactKept', { n: 2 })];
    const first = await store().events.append({ tenant, stream, expected: 0, events });
    const atOnce = await store().events.append({ tenant, stream, expected: 0, events });
    await store().events.append({ tenant, stream, expected: 2, events: [newEvent('FactKept', { n: 3 })] });
    const later = await store().events.append({ tenant, stream, expected: 0, events });

    expect(first.repeated).toBe(false);
    expect(atOnce).toEqual({ ...first, repeated: true });
    expect(later).toEqual({ ...first, repeated: true });
    expect(await collected(store().events.readStream(tenant, stream))).toHaveLength(3);
  });

  it('S0-04, S3-22 stores an event once that two callers append at the same time, and refuses its id for other content', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    const event = newEvent('FactKept', { n: 1 });
    const results = await Promise.all(
      Array.from({ length: 20 }, () => store().events.append({ tenant, stream, expected: 'any', events: [event] })),
    );

    expect(results.filter(({ repeated }) => !repeated)).toHaveLength(1);
    expect(new Set(results.map(({ position }) => position)).size).toBe(1);
    expect(await collected(store().events.readStream(tenant, stream))).toHaveLength(1);
    const other = store().events.append({ tenant, stream, expected: 'any', events: [{ ...event, data: { n: 2 } }] });
    await expect(other).rejects.toBeInstanceOf(DuplicateEvent);
    expect(await collected(store().events.readStream(tenant, stream))).toHaveLength(1);
  });

  it('takes a repetition with another time of happening or other metadata for the same event', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    const event = newEvent('FactKept', { n: 1 });
    await store().events.append({ tenant, stream, expected: 'any', events: [event] });
    const again = {
      ...event,
      occurredAt: new Date('2026-02-02T00:00:00Z'),
      metadata: { actor: 'other', correlationId: 'c-2' },
    };
    expect((await store().events.append({ tenant, stream, expected: 0, events: [again] })).repeated).toBe(true);
  });
}

function describeOtherContent(store: StoreAccess): void {
  const changes = [
    { what: 'other data', change: { data: { n: 2 } } },
    { what: 'another type', change: { type: 'FactAmended' } },
  ];
  it.each(changes)('refuses a stored id with $what', async ({ change }) => {
    const [tenant, stream] = [newTenant(), newStream()];
    const event = newEvent('FactKept', { n: 1 });
    await store().events.append({ tenant, stream, expected: 'any', events: [event] });
    const repeated = store().events.append({ tenant, stream, expected: 'any', events: [{ ...event, ...change }] });
    await expect(repeated).rejects.toMatchObject({
      code: 'event-store.duplicate-event',
      details: { eventId: event.id },
    });
    expect(await collected(store().events.readStream(tenant, stream))).toHaveLength(1);
  });

  it('refuses a stored id in another stream, and tells no tenant which ids another has stored', async () => {
    const [tenant, otherTenant, stream, otherStream] = [newTenant(), newTenant(), newStream(), newStream()];
    const events = [newEvent('FactKept', { n: 1 })];
    await store().events.append({ tenant, stream, expected: 'any', events });
    const inOtherStream = store().events.append({ tenant, stream: otherStream, expected: 'any', events });
    await expect(inOtherStream).rejects.toBeInstanceOf(DuplicateEvent);
    expect(await collected(store().events.readStream(tenant, otherStream))).toEqual([]);
    const inOtherTenant = await store().events.append({ tenant: otherTenant, stream, expected: 'any', events });
    expect(inOtherTenant).toMatchObject({ repeated: false, streamVersion: 1 });
  });

  it('S3-22 refuses an append that repeats one event and brings another, and one that holds an id twice', async () => {
    const [tenant, stream] = [newTenant(), newStream()];
    const [stored, fresh] = [newEvent('FactKept', { n: 1 }), newEvent('FactKept', { n: 2 })];
    await store().events.append({ tenant, stream, expected: 'any', events: [stored] });
    const mixed = store().events.append({ tenant, stream, expected: 'any', events: [stored, fresh] });
    await expect(mixed).rejects.toBeInstanceOf(DuplicateEvent);
    const twice = store().events.append({ tenant, stream, expected: 'any', events: [fresh, fresh] });
    await expect(twice).rejects.toBeInstanceOf(DuplicateEvent);
    expect(await collected(store().events.readStream(tenant, stream))).toHaveLength(1);
  });
}
