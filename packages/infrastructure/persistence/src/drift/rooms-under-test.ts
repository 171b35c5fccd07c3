// A read model that is declared by a projection and an entity, with its table, for the specs of this folder.
import type { Projection, Row } from '@groundwork/application';
import { EntitySchema } from 'typeorm';
import { readModelIndex } from '../read-model-index.ts';

export const roomList: Projection = {
  name: 'plans.room-list',
  schemaVersion: 1,
  table: {
    schema: 'plans',
    name: 'room',
    columns: { id: 'text', label: 'text', seats: 'integer', opened_at: 'timestamp', tags: 'text[]', raw: 'json' },
    key: 'id',
  },
  eventTypes: ['RoomOpened'],
  keyOf: (event) => event.stream.id,
  apply: (row, event) => ({ ...EMPTY, ...row, ...(event.data as Row), id: event.stream.id }),
};
const EMPTY: Row = { seats: 0, opened_at: null, tags: [], raw: null };
const columns = {
  tenant: { type: 'text', primary: true },
  id: { type: 'text', primary: true, collation: 'C' },
  label: { type: 'text' },
  seats: { type: 'integer', nullable: true },
  opened_at: { type: 'timestamptz', precision: 3, nullable: true },
  tags: { type: 'text', array: true, nullable: true },
  raw: { type: 'jsonb', nullable: true },
} as const;
export const room = new EntitySchema({
  name: 'Room',
  schema: 'plans',
  tableName: 'room',
  columns,
  uniques: [{ name: 'room_label', columns: ['tenant', 'label'] }],
  indices: [
    readModelIndex('room_seats', ['tenant', 'seats'], { where: { column: 'seats', is: 'not null' } }),
    { name: 'room_opened', columns: ['tenant', 'opened_at'] },
    { name: 'room_tags', columns: ['tags'], synchronize: false },
  ],
});

/** As a migration makes it. */
export const ROOM_TABLE = `
  create schema plans authorization groundwork_owner;
  set role groundwork_owner;
  grant usage on schema plans to groundwork_app, groundwork_worker;
  create table plans.room (
    tenant text not null, id text collate "C" not null, label text not null, seats integer, opened_at timestamptz(3),
    tags text[], raw jsonb, primary key (tenant, id), constraint room_label unique (tenant, label)
  );
  create index room_opened on plans.room (tenant, opened_at);
  create index room_tags on plans.room using gin (tags);
  create index room_seats on plans.room (tenant, seats) where seats is not null;
  alter table plans.room enable row level security, force row level security;
  create policy owner_all on plans.room to groundwork_owner using (true) with check (true);
  create policy own_tenant on plans.room for select to groundwork_app
    using (tenant = nullif(current_setting('groundwork.tenant', true), ''));
  create policy own_tenant_writes on plans.room to groundwork_worker
    using (tenant = nullif(current_setting('groundwork.tenant', true), ''))
    with check (tenant = nullif(current_setting('groundwork.tenant', true), ''));
  grant select on plans.room to groundwork_app;
  grant select, insert, update, delete on plans.room to groundwork_worker;
  reset role;
`;
