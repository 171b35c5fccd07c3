// One unit of work: TypeORM's rows and the events of the log, on one connection, in one transaction.
import { EventTypes, type Append } from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';
import { dataOf, MemoryLogger, newEvent, newStream, newTenant } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EntitySchema, type EntityManager } from 'typeorm';
import { PostgresEventStore } from './postgres-event-store.ts';
import { PostgresTenantDatabase } from './postgres-tenant-database.ts';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';
import { Signals } from './signals.ts';

interface Room {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
}
const RoomEntity = new EntitySchema<Room>({
  name: 'room',
  schema: 'public',
  tableName: 'room',
  columns: { id: { type: 'text', primary: true }, tenant: { type: 'text' }, name: { type: 'text' } },
});
const types = new EventTypes([{ type: 'RoomNamed', schemaVersion: 1 }]);

let postgres: PostgresUnderTest;
let database: PostgresTenantDatabase;
let events: PostgresEventStore;
beforeAll(async () => {
  postgres = await postgresUnderTest();
  await postgres.administrator.query(`
    create table public.room (id text primary key, tenant text not null, name text not null, xid xid8 default pg_current_xact_id());
    alter table public.room enable row level security;
    create policy own_tenant on public.room using (tenant = current_setting('groundwork.tenant', true));
    grant select, insert, update on public.room to groundwork_app`);
  const app = postgres.connect('groundwork_app', { entities: [RoomEntity] });
  const signals = new Signals(app, postgres.url, new MemoryLogger());
  database = new PostgresTenantDatabase(app, types, signals);
  events = new PostgresEventStore(app, types, signals);
});
afterAll(() => postgres.close());

const named = (tenant: TenantId, stream: StreamId, name: string, expected: Append['expected']): Append => ({
  tenant,
  stream,
  expected,
  events: [newEvent('RoomNamed', { name })],
});
const save =
  (room: Room) =>
  (manager: EntityManager): Promise<unknown> =>
    manager.save(RoomEntity, room);

const stored = async (tenant: TenantId, stream: StreamId): Promise<unknown> => {
  const rooms = await database.within(tenant, (manager) => manager.findBy(RoomEntity, {}));
  const names: unknown[] = [];
  for await (const event of events.readStream(tenant, stream)) names.push((dataOf(event) as Room).name);
  return { rows: rooms.map(({ name }) => name), events: names };
};

describe('PostgresTenantDatabase', () => {
  it('stores a row of TypeORM and the event that announces it in one transaction', async () => {
    const [tenant, stream] = [newTenant(), newStream('room')];
    const room = { id: stream.id, tenant, name: 'R-101' };
    expect(await database.appendWith(named(tenant, stream, 'R-101', 'no-stream'), save(room))).toMatchObject({
      streamVersion: 1,
      repeated: false,
    });
    expect(await stored(tenant, stream)).toEqual({ rows: ['R-101'], events: ['R-101'] });
    const { rows } = await postgres.administrator.query(
      `select room.xid::text = event.xmin::text as together
         from public.room, groundwork.event join groundwork.stream using (stream_id)
        where room.id = $1 and stream.id = $1`,
      [stream.id],
    );
    expect(rows).toEqual([{ together: true }]);
  });

  it('stores neither when the work fails, or when the append conflicts', async () => {
    const [tenant, stream] = [newTenant(), newStream('room')];
    const room = { id: stream.id, tenant, name: 'R-101' };
    const failing = async (manager: EntityManager): Promise<never> => {
      await save(room)(manager);
      throw new Error('no');
    };
    await expect(database.appendWith(named(tenant, stream, 'R-101', 'no-stream'), failing)).rejects.toThrow('no');
    await expect(database.appendWith(named(tenant, stream, 'R-101', 3), save(room))).rejects.toMatchObject({
      code: 'event-store.version-conflict',
    });
    expect(await stored(tenant, stream)).toEqual({ rows: [], events: [] });
  });

  it('rejects when an error inside the work was swallowed: nothing of it is stored', async () => {
    const [tenant, stream] = [newTenant(), newStream('room')];
    const swallowing = async (manager: EntityManager): Promise<void> => {
      await save({ id: stream.id, tenant, name: 'R-101' })(manager);
      await manager.query('select 1 / 0').catch(() => undefined);
    };
    // The error may be known before the state of its transaction is: once would not show it.
    for (let round = 0; round < 300; round++)
      await expect(database.within(tenant, swallowing)).rejects.toThrow('swallowed');
    expect(await stored(tenant, stream)).toEqual({ rows: [], events: [] });
  });

  it('answers a repeated append with the first result and changes no row again', async () => {
    const [tenant, stream] = [newTenant(), newStream('room')];
    const append = named(tenant, stream, 'R-101', 'no-stream');
    const first = await database.appendWith(append, save({ id: stream.id, tenant, name: 'R-101' }));
    const again = await database.appendWith(append, save({ id: stream.id, tenant, name: 'R-102' }));
    expect(again).toEqual({ ...first, repeated: true });
    expect(await stored(tenant, stream)).toEqual({ rows: ['R-101'], events: ['R-101'] });
  });

  it("keeps to the append's tenant", async () => {
    const [tenant, other] = [newTenant(), newTenant()];
    const stream = newStream('room');
    const foreign = save({ id: stream.id, tenant: other, name: 'R-101' });
    await expect(database.appendWith(named(tenant, stream, 'R-101', 'no-stream'), foreign)).rejects.toThrow(
      'row-level security',
    );
    expect(await stored(tenant, stream)).toEqual({ rows: [], events: [] });
  });
});
