// The names of streams and tenants: what is one, and what is refused.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseStreamId, streamId, streamName } from './stream-id.ts';
import { parseTenantId } from './tenant-id.ts';

describe('streamId', () => {
  it('reads back what streamName wrote', () => {
    const id = fc.string({ minLength: 1, maxLength: 100 }).filter((text) => !/\p{Cc}/u.test(text));
    fc.assert(
      fc.property(id, (text) => {
        const stream = streamId('client', text);
        expect(parseStreamId(streamName(stream))).toEqual(stream);
      }),
    );
  });

  it('lets an id hold slashes', () => {
    expect(parseStreamId('room/building-1/2')).toEqual({ type: 'room', id: 'building-1/2' });
  });

  const malformed = [
    ['', 'a'],
    ['Client', 'a'],
    ['1client', 'a'],
    ['client', ''],
    ['client', 'a\nb'],
    ['client', 'a\u0000'],
    ['client', '\ud83c'],
    ['client', 'x'.repeat(201)],
    ['x'.repeat(64), 'a'],
  ] as const;
  it.each(malformed)('refuses type %j with id %j', (type, id) => {
    expect(() => streamId(type, id)).toThrow(expect.objectContaining({ code: 'stream.malformed' }));
  });

  it.each(['client', '/a', 'client/', ''])('refuses the name %j', (name) => {
    expect(() => parseStreamId(name)).toThrow(expect.objectContaining({ code: 'stream.malformed' }));
  });
});

describe('parseTenantId', () => {
  it.each(['demo', '1', 'a-b_c', 'x'.repeat(63)])('takes %s', (text) => {
    expect(parseTenantId(text)).toBe(text);
  });

  it.each(['', 'Demo', '-a', '_a', 'a b', "a'; --", 'ä', 'x'.repeat(64), 'a\n'])('refuses %j', (text) => {
    expect(() => parseTenantId(text)).toThrow(expect.objectContaining({ code: 'tenant.malformed' }));
  });
});
