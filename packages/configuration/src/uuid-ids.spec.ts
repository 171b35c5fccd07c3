import { parseUuid } from '@groundwork/domain';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { UuidIds } from './uuid-ids.ts';

const at = (...timesMs: number[]): UuidIds =>
  new UuidIds({ now: () => new Date(timesMs.length > 1 ? timesMs.shift()! : timesMs[0]!) });
/** What neither the time nor the count gives: 62 bits of chance. */
const tailOf = (id: string): string => id.slice(19);
const ids = at(1_772_619_330_123);

describe('Ids.next', () => {
  it('gives distinct version 7 UUIDs that sort in the order they were made, ten thousand in one millisecond', () => {
    const made = Array.from({ length: 10_000 }, () => ids.next());
    expect(made.toSorted()).toEqual(made);
    expect(new Set(made).size).toBe(made.length);
    for (const id of made) expect(parseUuid(id)).toMatch(/^.{14}7/);
  });

  it('keeps the order when the clock is set back', () => {
    const moving = at(2_000, 1_000, 1_500, 2_001);
    const made = [moving.next(), moving.next(), moving.next(), moving.next()];
    expect(made.toSorted()).toEqual(made);
  });

  it('never meets what another process makes in the same millisecond', () => {
    const processes = Array.from({ length: 20 }, () => at(1_772_619_330_123));
    const tails = processes.map((process) => tailOf(process.next()));
    expect(new Set(tails).size).toBe(tails.length);
  });

  it('never hands the same chance out twice, however many ids are made', () => {
    const process = at(1_772_619_330_123);
    const tails = Array.from({ length: 5_000 }, () => tailOf(process.next()));
    expect(new Set(tails).size).toBe(tails.length);
  });
});

describe('Ids.derive', () => {
  it('gives the same version 8 UUID for the same parts, with the time leading', () => {
    const derived = ids.derive(0x0123456789ab, 'salesforce', 'tx-1', '3');
    expect(derived).toBe(at(5).derive(0x0123456789ab, 'salesforce', 'tx-1', '3'));
    expect(parseUuid(derived)).toMatch(/^01234567-89ab-8/);
  });

  it('gives different UUIDs for different parts, however they are cut', () => {
    const text = fc.array(fc.string(), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(text, text, (one, other) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other));
        expect(ids.derive(1, ...one)).not.toBe(ids.derive(1, ...other));
      }),
    );
  });

  it('takes any time for a UUID', () => {
    for (const time of [-1, Number.NaN, 1.5, 2 ** 60]) expect(parseUuid(ids.derive(time, 'a'))).toHaveLength(36);
  });
});

describe('Ids.fingerprint', () => {
  it('is the SHA-256 of the text in hexadecimal', () => {
    expect(ids.fingerprint('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});
