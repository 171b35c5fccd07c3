import { describe, expect, it } from '@jest/globals';
import { StreamTickets } from './stream-tickets.ts';

describe('the check behind the append figures', () => {
  async function elevenAppends(): Promise<StreamTickets> {
    const tickets = new StreamTickets();
    const request = tickets.request(async () => undefined);
    for (let append = 0; append < 11; append++) await request(0);
    return tickets;
  }
  const stored = (first: number, second: number, version = second) =>
    new Map([
      ['stream-1', { count: first, version: first }],
      ['stream-2', { count: second, version }],
    ]);

  it('accepts what was acknowledged', async () => {
    (await elevenAppends()).verify('store', stored(10, 1));
  });

  it('refuses a lost event, an additional one, a gap and a lost stream', async () => {
    const tickets = await elevenAppends();
    expect(() => tickets.verify('store', stored(9, 1))).toThrow('stream-1 has 9 events');
    expect(() => tickets.verify('store', stored(10, 2))).toThrow('stream-2 has 2 events');
    expect(() => tickets.verify('store', stored(10, 1, 2))).toThrow('up to version 2');
    expect(() => tickets.verify('store', new Map())).toThrow('0 streams are stored, 2 were acknowledged');
  });
});
