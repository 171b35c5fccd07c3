// Which stream an event belongs to, and which events get as far as the database.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { collected, newEvent, newStream, newTenant } from '@groundwork/testing';
import { streamId } from '@groundwork/domain';
import { postgresUnderTest, type PostgresUnderTest, type Stores } from './postgres-under-test.ts';

let postgres: PostgresUnderTest;
let stores: Stores;
let administrator: PostgresUnderTest['administrator'];
beforeAll(async () => {
  postgres = await postgresUnderTest();
  stores = postgres.stores([{ type: 'ClientCreated', schemaVersion: 1 }]);
  ({ administrator } = postgres);
});
afterAll(() => postgres.close());

describe('the stream of an event', () => {
  it('S0-05 is named by aggregate_type and aggregate_id together, within its tenant', async () => {
    const [tenant, other] = [newTenant(), newTenant()];
    const places = [
      { tenant, stream: streamId('client', 'x-1') },
      { tenant, stream: streamId('contract', 'x-1') },
      { tenant, stream: streamId('client', 'x-2') },
      { tenant: other, stream: streamId('client', 'x-1') },
    ];
    for (const place of places) {
      const events = [newEvent('ClientCreated', place.stream.type)];
      expect(await stores.events.append({ ...place, expected: 'no-stream', events })).toMatchObject({
        streamVersion: 1,
      });
    }
    for (const { tenant: owner, stream } of places) {
      const events = await collected(stores.events.readStream(owner, stream));
      expect(events.map((event) => event.stream)).toEqual([stream]);
    }
    const { rows } = await administrator.query(
      `select tenant, aggregate_type, aggregate_id, event_type from groundwork.recorded_event
        where tenant in ($1, $2) order by position`,
      [tenant, other],
    );
    expect(rows).toEqual(
      places.map((place) => ({
        tenant: place.tenant,
        aggregate_type: place.stream.type,
        aggregate_id: place.stream.id,
        event_type: 'ClientCreated',
      })),
    );
    const again = `insert into groundwork.stream (tenant, type, id) values ($1, 'client', 'x-1')`;
    await expect(administrator.query(again, [tenant])).rejects.toMatchObject({ code: '23505' });
  });

  it('S0-05 gets no event of an unregistered type: it is refused before any SQL reaches the database', async () => {
    const stream = newStream('client');
    const sent = jest.spyOn(stores.app, 'queryInOrder');
    const borrowed = jest.spyOn(stores.app.pool, 'connect');
    for (const type of ['ClientVanished', 'clientcreated', 'ClientCreated ']) {
      const append = stores.events.append({
        tenant: newTenant(),
        stream,
        expected: 'no-stream',
        events: [newEvent('ClientCreated', {}), newEvent(type, {})],
      });
      await expect(append).rejects.toMatchObject({ code: 'event-types.unregistered' });
    }
    expect([sent.mock.calls, borrowed.mock.calls]).toEqual([[], []]);
    const { rows } = await administrator.query('select * from groundwork.stream where id = $1', [stream.id]);
    expect(rows).toEqual([]);
    await stores.events.append({
      tenant: newTenant(),
      stream,
      expected: 'no-stream',
      events: [newEvent('ClientCreated', {})],
    });
    expect(sent).toHaveBeenCalledTimes(1);
  });
});
