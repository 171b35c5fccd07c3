// The event types of a program: what is declared, and how old data becomes new.
import { describe, expect, it } from '@jest/globals';
import { EventTypes, type EventTypeDefinition } from './event-types.ts';

const plusOne = (data: unknown): unknown => ({ n: (data as { n: number }).n + 1 });
const counted: EventTypeDefinition = { type: 'Counted', schemaVersion: 3, upcasters: { 1: plusOne, 2: plusOne } };
const thrown = (code: string): unknown => expect.objectContaining({ code });

describe('EventTypes', () => {
  it('leads data of any older version to the newest, hop by hop', () => {
    const types = new EventTypes([counted]);
    expect([1, 2, 3].map((version) => types.upcast('Counted', version, { n: 0 }))).toEqual([
      { n: 2 },
      { n: 1 },
      { n: 0 },
    ]);
    expect([1, 3, 4].map((version) => types.currentVersion('Counted', version))).toEqual([3, 3, 4]);
  });

  it('gives data of a type that nobody declares as it is', () => {
    const types = new EventTypes([]);
    expect(types.upcast('Unknown', 2, { n: 0 })).toEqual({ n: 0 });
    expect(types.currentVersion('Unknown', 2)).toBe(2);
  });

  it('refuses to be made with a missing hop', () => {
    const gap = { ...counted, upcasters: { 1: plusOne } };
    expect(() => new EventTypes([gap])).toThrow(thrown('event-types.missing-upcaster'));
  });

  it('refuses to be made with two definitions of one type', () => {
    expect(() => new EventTypes([counted, counted])).toThrow(thrown('event-types.declared-twice'));
  });

  it('refuses a type that nobody declares', () => {
    expect(() => new EventTypes([counted]).require('Unknown')).toThrow(thrown('event-types.unregistered'));
  });
});
