import { describe, expect, it } from '@jest/globals';
import { StreamTickets, verifyStored } from './stream-tickets.ts';

describe('the check behind the append figures', () => {
  async function elevenAppends(eventsPerAppend = 1): Promise<ReadonlyMap<string, number>> {
    const tickets = new StreamTickets();
    const request = tickets.request(async () => undefined, eventsPerAppend);
    for (let append = 0; append < 11; append++) await request(0);
    return tickets.acknowledged;
  }
  const asStored = (acknowledged: ReadonlyMap<string, number>) =>
    new Map([...acknowledged].map(([stream, version]) => [stream, { count: version, version }]));

  it('counts ten appends to a stream, of however many events', async () => {
    expect([...(await elevenAppends()).values()]).toEqual([10, 1]);
    expect([...(await elevenAppends(100)).values()]).toEqual([1_000, 100]);
  });

  it('accepts what was acknowledged', async () => {
    const acknowledged = await elevenAppends();
    verifyStored('store', acknowledged, asStored(acknowledged));
  });

  it('refuses a lost event, an additional one, a gap and a lost stream', async () => {
    const acknowledged = await elevenAppends();
    const [first, second] = acknowledged.keys();
    const stored = (stream: string, count: number, version = count) =>
      asStored(acknowledged).set(stream, { count, version });
    const verify = (found: ReturnType<typeof stored>) => () => verifyStored('store', acknowledged, found);
    expect(verify(stored(first!, 9))).toThrow(`${first} has 9 events`);
    expect(verify(stored(second!, 2))).toThrow(`${second} has 2 events`);
    expect(verify(stored(second!, 1, 2))).toThrow('up to version 2');
    expect(verify(new Map())).toThrow('0 streams are stored, 2 were acknowledged');
  });
});
