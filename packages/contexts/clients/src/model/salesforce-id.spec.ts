import { describe, expect, it } from '@jest/globals';
import { isSalesforceId, salesforceId } from './salesforce-id.ts';

describe('salesforceId', () => {
  it.each([
    ['0015f00002J9YYE', '0015f00002J9YYEAA3'],
    ['0015f00002JUZPc', '0015f00002JUZPcAAP'],
    ['001Kz00000BqLmN', '001Kz00000BqLmNIAV'],
    ['000000000000000', '000000000000000AAA'],
  ])('S0-13 completes %s to %s', (short, long) => {
    expect(salesforceId(short)).toBe(long);
    expect(salesforceId(long)).toBe(long);
  });

  it.each(['', '0015f00002J9YY', '0015f00002J9YYEAA', '0015f00002J9YYE-A3', 'ä015f00002J9YYE'])(
    'refuses %p',
    (text) => {
      expect(isSalesforceId(text)).toBe(false);
      expect(() => salesforceId(text)).toThrow(expect.objectContaining({ code: 'salesforce.malformed-id' }));
    },
  );
});
