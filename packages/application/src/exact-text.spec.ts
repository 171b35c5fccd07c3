import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ExactJson } from './exact-json.ts';
import { exactTextOf, valueOfExactText } from './exact-text.ts';

const back = (value: unknown): unknown => valueOfExactText(exactTextOf(value));

describe('a value in a cache', () => {
  it('S2-21 S4-12 comes back as it was, or is refused: dates, bigints, undefined and whatever else there is', () => {
    let kept = 0;
    const anything = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
      withUnicodeString: true,
    });
    fc.assert(
      fc.property(anything, (value) => {
        let text: string;
        try {
          text = exactTextOf(value);
        } catch (error) {
          expect(error).toMatchObject({ code: 'cache.value-refused' });
          return;
        }
        kept++;
        expect(valueOfExactText(text)).toStrictEqual(value);
      }),
      { numRuns: 3_000 },
    );
    expect(kept).toBeGreaterThan(500);
  });

  it.each<[string, unknown]>([
    ['undefined among members', { a: undefined, b: [undefined, null] }],
    ['a date', [new Date('2026-05-07T22:29:40.123Z')]],
    ['a bigint beyond a double', 12345678901234567890n],
    ['a decimal as text', '0.1234567890123456789'],
    ['numbers that JSON has not', [-0, NaN, Infinity, -Infinity]],
    ['a text that looks like a mark', ['\u0000', 'i', '1']],
    ['maps and sets', new Map<unknown, unknown>([[{ a: 1n }, new Set([undefined])]])],
    ['bytes', new Uint8Array([0, 255])],
    ['exact JSON', { raw: new ExactJson('{"n":1.10,"n2":12345678901234567890}') }],
    ['names of every kind', { constructor: 1, toString: 2, '': 3, then: 4 }],
    ['a lone surrogate', '\ud800'],
  ])('keeps %s', (_, value) => {
    expect(back(value)).toStrictEqual(value);
  });

  class Money {
    amount = 1;
  }
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  it.each<[string, unknown]>([
    ['an instance of a class', { price: new Money() }],
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
    ['a circle', circle],
    ['a hole', [1, , 2]], // eslint-disable-line no-sparse-arrays
    ['a date of its own class', new (class extends Date {})()],
    ['a date that is none', new Date(NaN)],
    ['a date with a member', Object.assign(new Date(0), { zone: 'UTC' })],
    ['a computed member', { get now() { return 1; } }], // prettier-ignore
    ['a boxed text', new String('a')],
    ['an error', new Error('a')],
    ['a promise', Promise.resolve(1)],
    ['a regular expression', /a/],
    ['a prototype by name', JSON.parse('{"__proto__":{"admin":true}}')],
  ])('refuses %s, and says where', (_, value) => {
    expect(() => exactTextOf(value)).toThrow(expect.objectContaining({ code: 'cache.value-refused' }));
  });

  it('names the place of what it refuses', () => {
    expect(() => exactTextOf({ items: [{ price: new Money() }] })).toThrow('an instance of Money at "/items/0/price"');
  });
});
