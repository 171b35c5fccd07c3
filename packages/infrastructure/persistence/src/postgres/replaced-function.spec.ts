import { describe, expect, it } from '@jest/globals';
import { inFrontOf, replacedFunction } from './replaced-function.ts';

const MADE = `create function f() returns int language sql as 'select 1 + 1'`;

describe('A function that a migration changes', () => {
  it('is the one before, with each place exchanged', () => {
    expect(replacedFunction(MADE)).toBe(MADE.replace('create', 'create or replace'));
    expect(replacedFunction(MADE, ['select', 'select $& '], inFrontOf('language', 'immutable '))).toBe(
      `create or replace function f() returns int immutable language sql as 'select $&  1 + 1'`,
    );
  });

  it.each([
    ['nowhere', 'select 2'],
    ['twice', '1'],
  ])('is refused where the place is found %s', (_how, place) => {
    expect(() => replacedFunction(MADE, [place, ''])).toThrow(`"${place}" stands`);
  });
});
