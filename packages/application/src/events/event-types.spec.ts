// The event types of a program: what is declared, and how old data becomes new.
import { describe, expect, it } from '@jest/globals';
import { EventTypes, type EventTypeDefinition } from './event-types.ts';
import type { SplittingUpcaster } from './upcaster.ts';

const plusOne = (data: unknown): unknown => ({ n: (data as { n: number }).n + 1 });
const counted: EventTypeDefinition = { type: 'Counted', schemaVersion: 3, upcasters: { 1: plusOne, 2: plusOne } };
const thrown = (code: string): unknown => expect.objectContaining({ code });

describe('EventTypes', () => {
  it('leads data of any older version to the newest, hop by hop', () => {
    const types = new EventTypes([counted]);
    expect([1, 2, 3, 4].map((version) => types.upcast('Counted', version, { n: 0 }))).toEqual([
      [{ type: 'Counted', schemaVersion: 3, data: { n: 2 } }],
      [{ type: 'Counted', schemaVersion: 3, data: { n: 1 } }],
      [{ type: 'Counted', schemaVersion: 3, data: { n: 0 } }],
      [{ type: 'Counted', schemaVersion: 4, data: { n: 0 } }],
    ]);
    expect([1, 3, 4].map((version) => types.currentVersion('Counted', version))).toEqual([3, 3, 4]);
  });

  it('gives data of a type that nobody declares as it is', () => {
    const types = new EventTypes([]);
    expect(types.upcast('Unknown', 2, { n: 0 })).toEqual([{ type: 'Unknown', schemaVersion: 2, data: { n: 0 } }]);
    expect(types.currentVersion('Unknown', 2)).toBe(2);
  });

  it('S3-20 knows every type by its name with schema, version and upcasters, in the order of declaration', () => {
    const other: EventTypeDefinition = { type: 'Weighed', schemaVersion: 1 };
    const types = new EventTypes([counted, other]);
    expect(types.all).toEqual([counted, other]);
    expect([types.find('Counted'), types.require('Weighed'), types.find('Unknown')]).toEqual([
      counted,
      other,
      undefined,
    ]);
    expect(() => types.require('Unknown')).toThrow(thrown('event-types.unregistered'));
  });

  it('S3-20 refuses two declarations of one name, and names both places', () => {
    const twice = [
      { ...counted, declaredIn: '@groundwork/clients' },
      { ...counted, declaredIn: '@groundwork/sites' },
    ];
    expect(() => new EventTypes(twice)).toThrow(
      expect.objectContaining({
        code: 'event-types.declared-twice',
        message: 'The event type Counted is declared in @groundwork/clients and again in @groundwork/sites.',
      }),
    );
    expect(() => new EventTypes([counted, counted])).toThrow(thrown('event-types.declared-twice'));
  });

  it('S0-07 refuses to be made with a missing hop, and says what to add', () => {
    const gap = { ...counted, upcasters: { 1: plusOne } };
    expect(() => new EventTypes([gap])).toThrow(
      expect.objectContaining({
        code: 'event-types.missing-upcaster',
        message: 'Counted has schema version 3, but no upcaster from 2 to 3.',
        next: 'Add upcasters[2] to Counted; events of that version may be in the log.',
      }),
    );
  });
});

/** An order of the first schema held its lines; today each line is an event of its own. */
const linesApart: SplittingUpcaster = {
  into: { OrderPlaced: 2, LineAdded: 1 },
  split(data) {
    const { by, lines } = data as { by: string; lines: readonly string[] };
    return [{ type: 'OrderPlaced', data: { by } }, ...lines.map((item) => ({ type: 'LineAdded', data: { item } }))];
  },
};
const withCount = (data: unknown): unknown => ({ ...(data as object), count: 1 });
const order: EventTypeDefinition = { type: 'OrderPlaced', schemaVersion: 2, upcasters: { 1: linesApart } };
const line: EventTypeDefinition = { type: 'LineAdded', schemaVersion: 2, upcasters: { 1: withCount } };
const splitBy = (upcaster: Partial<SplittingUpcaster>): EventTypeDefinition => ({
  ...order,
  upcasters: { 1: { ...linesApart, ...upcaster } },
});

describe('EventTypes that split', () => {
  const types = new EventTypes([order, line]);

  it('makes several events of one, and leads each on by the upcasters of its type', () => {
    expect(types.upcast('OrderPlaced', 1, { by: 'ada', lines: ['a', 'b'] })).toEqual([
      { type: 'OrderPlaced', schemaVersion: 2, data: { by: 'ada' } },
      { type: 'LineAdded', schemaVersion: 2, data: { item: 'a', count: 1 } },
      { type: 'LineAdded', schemaVersion: 2, data: { item: 'b', count: 1 } },
    ]);
    expect(types.upcast('OrderPlaced', 2, { by: 'bob' })).toHaveLength(1);
  });

  it('knows beforehand which events are split, what may be in them, and under which types to look', () => {
    expect([1, 2].map((version) => types.isSplit('OrderPlaced', version))).toEqual([true, false]);
    expect(types.typesWithin('OrderPlaced', 1)).toEqual(['OrderPlaced', 'LineAdded']);
    expect(types.typesWithin('OrderPlaced', 2)).toEqual(['OrderPlaced']);
    expect(types.storedAs(['LineAdded'])).toEqual(['LineAdded', 'OrderPlaced']);
    expect(types.storedAs(['OrderPlaced'])).toEqual(['OrderPlaced']);
    expect(types.storedAs(['Other'])).toEqual(['Other']);
  });

  it('follows splits of splits', () => {
    const cart: EventTypeDefinition = {
      type: 'CartSent',
      schemaVersion: 2,
      upcasters: { 1: { into: { OrderPlaced: 1 }, split: (data) => [{ type: 'OrderPlaced', data }] } },
    };
    const three = new EventTypes([cart, order, line]);
    expect(three.upcast('CartSent', 1, { by: 'ada', lines: ['a'] }).map(({ type }) => type)).toEqual([
      'OrderPlaced',
      'LineAdded',
    ]);
    expect(three.storedAs(['LineAdded'])).toEqual(['LineAdded', 'CartSent', 'OrderPlaced']);
  });

  it('never lets an event vanish, nor become what was not foreseen', () => {
    const none = new EventTypes([splitBy({ split: () => [] }), line]);
    expect(() => none.upcast('OrderPlaced', 1, {})).toThrow(thrown('event-types.event-vanished'));
    for (const type of ['Other', 'toString']) {
      const other = new EventTypes([splitBy({ split: () => [{ type, data: {} }] }), line]);
      expect(() => other.upcast('OrderPlaced', 1, {})).toThrow(thrown('event-types.undeclared-part'));
    }
  });

  it.each([
    ['a type that nobody declares', { OrderPlaced: 2, Other: 1 }],
    ['a later version than there is', { OrderPlaced: 2, LineAdded: 3 }],
    ['its own type in another version than the next', { OrderPlaced: 1 }],
  ])('refuses to be made with a split into %s', (_, into) => {
    expect(() => new EventTypes([splitBy({ into }), line])).toThrow(thrown('event-types.unknown-part'));
  });

  it('refuses to be made with upcasters that lead in a circle', () => {
    const back: EventTypeDefinition = {
      ...line,
      upcasters: { 1: { into: { OrderPlaced: 1 }, split: (data) => [{ type: 'OrderPlaced', data }] } },
    };
    expect(() => new EventTypes([order, back])).toThrow(
      expect.objectContaining({
        code: 'event-types.circular-upcasters',
        message: 'The upcasters lead in a circle: OrderPlaced 1 → LineAdded 1 → OrderPlaced 1.',
      }),
    );
  });
});
