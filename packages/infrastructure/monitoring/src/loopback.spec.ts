import { describe, expect, it } from '@jest/globals';
import { isLoopback } from './loopback.ts';

describe('The loopback addresses', () => {
  it.each(['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1'])('hold %s', (address) => {
    expect(isLoopback(address)).toBe(true);
  });

  it.each([undefined, '', '10.0.0.7', '1.127.0.0', '::ffff:10.127.0.1', '127.0.0.1.example', 'fe80::1', '::', '::11'])(
    'do not hold %s',
    (address) => {
      expect(isLoopback(address)).toBe(false);
    },
  );
});
