// The quick look finds what one expression finds.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mayHoldInexactNumber } from './inexact-number.ts';

const EXPRESSION = /[\d.]{16}|[:,[\s]-?\d+(?:\.\d+)?[eE]/;

describe('mayHoldInexactNumber', () => {
  it.each([
    ['{"n":123456789012345}', false],
    ['{"n":1234567890123456}', true],
    ['{"n":-12345678.90123456}', true],
    ['[1e5]', true],
    ['{"id":"3e5b9c"}', false],
    ['1234567890123456', true],
    ['', false],
  ])('says of %s: %s', (text, isFound) => {
    expect(mayHoldInexactNumber(text)).toBe(isFound);
  });

  it('says the same as one expression of any text', () => {
    const characters = fc.constantFrom(...'0123456789012345678901234567890123456789.-eE:,[ "a');
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 80 }), (text) => {
        expect(mayHoldInexactNumber(text)).toBe(EXPRESSION.test(text));
      }),
      { numRuns: 5_000 },
    );
  });
});
