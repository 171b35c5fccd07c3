// A worker knows the names of streams by number, and numbers begin anew when the log is emptied or restored below it.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { streamId } from '@groundwork/domain';
import { newEvent, newTenant } from '@groundwork/testing';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';

const types = [{ type: 'Counted', schemaVersion: 1 }];

let postgres: PostgresUnderTest;
beforeAll(async () => {
  postgres = await postgresUnderTest();
});
afterAll(() => postgres.close());

describe('a log whose tables were exchanged below a running worker', () => {
  it('gives the events the names of their own streams', async () => {
    const { events, log } = postgres.stores(types);
    const tenant = newTenant();
    const append = (id: string) =>
      events.append({ tenant, stream: streamId('order', id), expected: 0, events: [newEvent('Counted', {})] });
    const named = async () =>
      (await log.read({ after: 0n, limit: 10, types: ['Counted'] })).events.map(({ stream }) => stream.id);

    await append('before');
    expect(await named()).toEqual(['before']);
    await postgres.administrator.query('truncate groundwork.event, groundwork.stream restart identity');
    await append('after');
    expect(await named()).toEqual(['after']);
    const numbers = await postgres.administrator.query('select stream_id from groundwork.stream');
    expect(numbers.rows).toEqual([{ stream_id: '1' }]);
  });

  it('gives none of the events of a tenant that is dropped between a page and the look at its names', async () => {
    const { events, log, worker } = postgres.stores(types);
    const [kept, dropped] = [newTenant(), newTenant()];
    for (const tenant of [kept, dropped]) {
      await events.append({ tenant, stream: streamId('order', '1'), expected: 0, events: [newEvent('Counted', {})] });
    }
    const { query } = worker;
    let isDropped = false;
    worker.query = async (statement) => {
      if (statement.name === 'stream_names' && !isDropped) {
        isDropped = true;
        for (const table of ['event', 'stream']) {
          await postgres.administrator.query(`delete from groundwork.${table} where tenant = $1`, [dropped]);
        }
      }
      return query.call(worker, statement) as never;
    };
    const { events: read } = await log.read({ after: 0n, limit: 10, types: ['Counted'] });
    expect(isDropped).toBe(true);
    expect(read.map(({ tenant }) => tenant)).toContain(kept);
    expect(read.map(({ tenant }) => tenant)).not.toContain(dropped);
  });
});
