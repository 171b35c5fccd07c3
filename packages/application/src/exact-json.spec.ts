// Exact JSON: nothing is bent on the way in or out, and what cannot be kept is refused.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ExactJson, exactNumberText, jsonTextOf, parseExactJson } from './exact-json.ts';

const FORBIDDEN = /"(__proto__|constructor|prototype)"/;
const refusal = (code: string): unknown => expect.objectContaining({ code });

/** The way JSON.stringify writes a number that may have more digits than a double. */
const integers = fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String);

describe('parseExactJson', () => {
  it('reads any JSON as JSON.parse does', () => {
    const json = fc.json({ maxDepth: 8 }).filter((text) => !FORBIDDEN.test(text) && !text.includes('\\u0000'));
    fc.assert(fc.property(json, (text) => expect(parseExactJson(text)).toEqual(JSON.parse(text))));
  });

  it('writes integers of any size back digit for digit', () => {
    fc.assert(
      fc.property(integers, (digits) => {
        const text = `{"list":[${digits}],"n":${digits}}`;
        expect(JSON.stringify(parseExactJson(text))).toBe(text);
        expect(exactNumberText((parseExactJson(text) as { n: unknown }).n)).toBe(digits);
      }),
    );
  });

  it('gives numbers that JavaScript holds exactly as plain numbers, however they are written', () => {
    const written = ['1', '-7', '1.50', '15e-1', '1E3', '0.1', '-0.0', '9007199254740991'];
    for (const text of written) expect(parseExactJson(text)).toBe(Number(text));
  });

  it('keeps the digits of decimals beyond a double', () => {
    const text = '[0.1000000000000000055511151231257827,123456789.123456789123456789]';
    expect(JSON.stringify(parseExactJson(text))).toBe(text);
  });

  const refused = [
    { text: '{"n":1e400}', code: 'json.unstorable-number' },
    { text: '-1e999', code: 'json.unstorable-number' },
    { text: '"a\\u0000"', code: 'json.unstorable-text' },
    { text: '{"\\u0000":1}', code: 'json.unstorable-text' },
    { text: '"\\ud800"', code: 'json.unstorable-text' },
    { text: '"\\udc00\\ud800"', code: 'json.unstorable-text' },
    { text: '{"__proto__":{"isAdmin":true}}', code: 'json.forbidden-key' },
    { text: '{"\\u005f_proto__":1}', code: 'json.forbidden-key' },
    { text: '{"a":{"constructor":1}}', code: 'json.forbidden-key' },
    { text: '[[[[1]]]]', code: 'json.too-deep' },
    { text: '[1,2,3,4,5,6,7,8]', code: 'json.too-many-keys' },
    { text: '{"a":1,}', code: 'json.malformed' },
    { text: '', code: 'json.malformed' },
    { text: 'NaN', code: 'json.malformed' },
    { text: '01', code: 'json.malformed' },
  ];
  it.each(refused)('refuses $text with $code', ({ text, code }) => {
    expect(() => parseExactJson(text, { depthMax: 3, keysMax: 8 })).toThrow(refusal(code));
  });

  it('keeps numbers of up to 400 characters digit for digit, and refuses longer ones before looking at a digit', () => {
    const zeros = fc.integer({ min: 0, max: 250 }).map((count) => '0'.repeat(count));
    const number = fc.tuple(zeros, fc.integer({ min: 1, max: 9 }), zeros).map(([a, digit, b]) => `0.${a}${digit}${b}`);
    fc.assert(
      fc.property(number, (digits) => {
        if (digits.length > 400) expect(() => parseExactJson(digits)).toThrow(refusal('json.unstorable-number'));
        else expect(Number(exactNumberText(parseExactJson(digits)))).toBe(Number(digits));
      }),
    );
    for (const long of ['1'.repeat(1_000_000), `0.${'0'.repeat(1_000_000)}1`, `1${'0'.repeat(1_000_000)}.0`]) {
      expect(() => parseExactJson(`{"n":${long}}`)).toThrow(refusal('json.unstorable-number'));
    }
  });

  it('does not count brackets within texts as depth', () => {
    expect(parseExactJson('["[[[[{{{{", "\\"[[["]', { depthMax: 1, keysMax: 10 })).toEqual(['[[[[{{{{', '"[[[']);
  });

  it('refuses a million brackets without reading them all', () => {
    expect(() => parseExactJson('['.repeat(1_000_000))).toThrow(refusal('json.too-deep'));
  });
});

describe('jsonTextOf', () => {
  it('gives an exact text as it is, and writes anything else', () => {
    expect(jsonTextOf(new ExactJson('{ "a" : 1.0 }'))).toBe('{ "a" : 1.0 }');
    expect(jsonTextOf({ a: [1, 'ü'] })).toBe('{"a":[1,"ü"]}');
    expect(jsonTextOf(undefined)).toBe('null');
  });
});
