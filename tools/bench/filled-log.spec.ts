import { testDatabase } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { copyOut } from './copy-out.ts';
import { EVENTS_PER_STREAM, fillLog } from './filled-log.ts';
import { followLog } from './log-reader.ts';
import { ourLog, ourStore } from './our-store.ts';
import { StreamTickets, verifyStored } from './stream-tickets.ts';

describe('a log that the server has written itself', () => {
  const EVENTS = 20_000;
  const opened = new AsyncDisposableStack();
  let url: string;
  beforeAll(async () => {
    ({ url } = opened.adopt(await testDatabase(), (database) => database.drop()));
    await fillLog(url, EVENTS, () => undefined);
  });
  afterAll(() => opened.disposeAsync());

  it('is one that appends could have left: no gaps in positions, ten versions in every stream', async () => {
    const client = new Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(
      `select versions, count(*)::int as streams, min(first)::int as first, max(last)::int as last
         from (select array_agg(stream_version order by position) as versions, min(position) as first,
                      max(position) as last
                 from groundwork.event group by stream_id) s
        group by versions`,
    );
    await client.end();
    const versions = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    expect(rows).toEqual([{ versions, streams: EVENTS / EVENTS_PER_STREAM, first: 1, last: EVENTS }]);
  });

  it('goes on where it ends, and is read by our store, its log and COPY', async () => {
    await using store = await ourStore(url);
    expect(await store.load(`filled-${EVENTS / EVENTS_PER_STREAM}`)).toBe(EVENTS_PER_STREAM);
    const tickets = new StreamTickets();
    const append = tickets.request((stream, version) => store.append(stream, version, 3), 3);
    expect(await followLog(url, () => Promise.all([append(0), append(1)]))).toBe(6);
    expect(() => verifyStored('ours', tickets.acknowledged, new Map())).toThrow('2 were acknowledged');
    const stored = await store.stored();
    verifyStored(
      'ours',
      tickets.acknowledged,
      new Map([...stored].filter(([stream]) => tickets.acknowledged.has(stream))),
    );
    await using opened = await ourLog(url);
    expect((await opened.log.head()).position).toBe(BigInt(EVENTS + 6));
    expect(await copyOut(url, 'copy groundwork.event to stdout')).toBeGreaterThan(EVENTS * 400);
  });
});
