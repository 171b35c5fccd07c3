// UUIDs: their form, their order in time, and the ids of a command's events.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { eventIdOf, parseUuid, uuidV7 } from './uuid.ts';

const TIME_MAX_MS = 2 ** 48 - 1;
const times = fc.integer({ min: 0, max: TIME_MAX_MS });
const chances = fc.uint8Array({ minLength: 10, maxLength: 10 });

describe('uuidV7', () => {
  it('is a version 7 UUID of variant 10 for any time and chance', () => {
    fc.assert(
      fc.property(times, chances, (timeMs, chance) => {
        const id = uuidV7(timeMs, chance);
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toBe(timeMs);
        expect(parseUuid(id)).toBe(id);
      }),
    );
  });

  it('sorts by time', () => {
    fc.assert(
      fc.property(times, times, chances, chances, (one, other, a, b) => {
        fc.pre(one < other);
        expect(uuidV7(one, a) < uuidV7(other, b)).toBe(true);
      }),
    );
  });

  it('keeps the example of RFC 9562', () => {
    const chance = Uint8Array.from([0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f]);
    expect(uuidV7(0x017f22e279b0, chance)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  });
});

describe('parseUuid', () => {
  it('reads either case and answers in lower case', () => {
    expect(parseUuid('017F22E2-79B0-7CC3-98C4-DC0C0C07398F')).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  });

  it.each([
    '',
    'no',
    '017f22e279b07cc398c4dc0c0c07398f',
    '017f22e2-79b0-7cc3-18c4-dc0c0c07398f',
    `x017f22e2-79b0-7cc3-98c4-dc0c0c07398f`,
  ])('refuses "%s"', (text) => {
    expect(() => parseUuid(text)).toThrow(expect.objectContaining({ code: 'id.not-a-uuid' }));
  });
});

describe('eventIdOf', () => {
  const commandId = parseUuid('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');

  it('gives each event of a command its own id, and the same ones again when asked again', () => {
    const ids = Array.from({ length: 4096 }, (_, index) => eventIdOf(commandId, index));
    expect(new Set(ids).size).toBe(4096);
    expect(ids.map((_, index) => eventIdOf(commandId, index))).toEqual(ids);
    expect(ids).toEqual([...ids].sort());
    for (const id of ids) expect(parseUuid(id)).toBe(id);
  });

  it.each([-1, 4096])('has no event number %s', (index) => {
    expect(() => eventIdOf(commandId, index)).toThrow(RangeError);
  });
});
