// A read model that has drifted is built anew in the declared shape, while its old table is read.
import { EventTypes, ProjectionRunner } from '@groundwork/application';
import { parseTenantId, streamId } from '@groundwork/domain';
import {
  MemoryLogger,
  MemoryMetrics,
  MemoryTracer,
  newEvent,
  rebuilt,
  SeededIds,
  SystemClock,
  VmTimeLimit,
} from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Database } from '../postgres/database.ts';
import {
  postgresProjectionsUnderTest,
  type PostgresProjectionsUnderTest,
} from '../postgres/postgres-projections-under-test.ts';
import { PostgresRebuilds } from '../postgres/postgres-rebuilds.ts';
import { DEFAULTS } from '../postgres/postgres-under-test.ts';
import { readModelDrift } from './read-model-drift.ts';
import { room, roomList, ROOM_TABLE } from './rooms-under-test.ts';

const tenants = ['acme', 'zeta'].map(parseTenantId);
const LABELS = ['blue', 'green'];
const SHOWN = tenants.flatMap((tenant) => LABELS.map((label) => ({ tenant, label, seats: 4 })));

let ports: PostgresProjectionsUnderTest;
let worker: Database;
beforeEach(async () => {
  ports = await postgresProjectionsUnderTest(roomList, new EventTypes([{ type: 'RoomOpened', schemaVersion: 1 }]));
  await plant(ROOM_TABLE);
  const [logger, metrics] = [new MemoryLogger(), new MemoryMetrics()];
  worker = new Database({ ...DEFAULTS, url: ports.url, role: 'groundwork_worker', logger, metrics });
  ports = { ...ports, rebuilds: new PostgresRebuilds(worker, [room]) };
  for (const tenant of tenants) for (const label of LABELS) await open(tenant, label);
  await project();
});
afterEach(async () => {
  await worker.close();
  await ports.close();
});

const plant = (statements: string) => ports.administrator.query(statements);
const open = (tenant: (typeof tenants)[number], label: string) =>
  ports.events.append({
    tenant,
    stream: streamId('room', label),
    expected: 'any',
    events: [newEvent('RoomOpened', { label, seats: 4 })],
  });
async function project(): Promise<void> {
  const [clock, ids, logger, metrics] = [new SystemClock(), new SeededIds(), new MemoryLogger(), new MemoryMetrics()];
  const settings = { owner: 'worker-1', slices: 2, retryDelayMs: 1 };
  await new ProjectionRunner(
    roomList,
    { ...ports, clock, ids, timeLimit: new VmTimeLimit(), tracer: new MemoryTracer(), logger, metrics },
    settings,
  ).runOnce();
  await ports.store.releaseAll('worker-1');
}
const repaired = () => rebuilt(ports, roomList, { isShadow: false, isRepair: true });
const rows = async () =>
  (await ports.administrator.query('select tenant, label, seats from plans.room order by tenant, label')).rows;
const drift = async () =>
  (await readModelDrift(ports.url, { projections: [roomList], entities: [room] })).projections[0]!.drifts.map(
    ({ kind, name }) => `${kind}: ${name}`,
  );

describe('A repair', () => {
  it.each([
    [
      'columns are missing, left over, of another type and in another case',
      `alter table plans.room drop column raw, add column note text not null default 'x';
       alter table plans.room alter column seats type text;
       alter table plans.room rename column label to "Label"`,
      [],
    ],
    [
      'the key, the unique constraint, the policies and the rights are gone',
      `alter table plans.room drop constraint room_pkey, drop constraint room_label;
       alter table plans.room disable row level security;
       drop policy own_tenant on plans.room; drop policy own_tenant_writes on plans.room;
       revoke all on plans.room from groundwork_app, groundwork_worker`,
      [],
    ],
    [
      'the key is in another case and of another type, so that no row can be compared',
      `alter table plans.room rename column id to "ID"; alter table plans.room alter column "ID" type varchar`,
      [],
    ],
    ['indexes are gone', 'drop index plans.room_seats, plans.room_opened', []],
    ['the table is gone', 'drop table plans.room', ['index-missing: room_tags']],
    ['the table and its schema are gone', 'drop schema plans cascade', ['index-missing: room_tags']],
  ])('gives the declared shape with all rows where %s', async (_what, statements, left) => {
    await plant(statements);
    expect(await drift()).not.toEqual([]);
    const { comparison } = await repaired();
    expect(comparison).toMatchObject({ rows: 4 });
    expect(await drift()).toEqual(left);
    expect(await rows()).toEqual(SHOWN);
    await open(tenants[0]!, 'red');
    await project();
    expect(await rows()).toHaveLength(5);
  });

  it('keeps the indexes of a column whose case or type had drifted', async () => {
    await plant(
      `alter table plans.room alter column seats type bigint; alter table plans.room rename column seats to "Seats"`,
    );
    await repaired();
    expect(await drift()).toEqual([]);
    const { rows: indexes } = await ports.administrator.query(
      `select indexdef from pg_indexes where schemaname = 'plans' and indexname = 'room_seats'`,
    );
    expect(indexes).toEqual([
      { indexdef: 'CREATE INDEX room_seats ON plans.room USING btree (tenant, seats) WHERE (seats IS NOT NULL)' },
    ]);
  });

  it('lets the api read nothing, rather than an empty table, until a table that was gone is built', async () => {
    await plant('drop table plans.room');
    await ports.rebuilds.begin(roomList, { isShadow: false, isRepair: true });
    const asApi = (sql: string) => plant(`begin; set local role groundwork_app; ${sql}; rollback`);
    await expect(asApi('select * from plans.room')).rejects.toMatchObject({ code: '42501' });
    await plant('rollback');
    const [begun] = await ports.rebuilds.open();
    await ports.rebuilds.drop(begun!);
    await repaired();
    await asApi('select * from plans.room');
  });

  it('reads the old table until the switch, and a rollback brings it back with its drift', async () => {
    await plant('alter table plans.room add column note text');
    const begun = await ports.rebuilds.begin(roomList, { isShadow: false, isRepair: true });
    expect([await drift(), await rows()]).toEqual([['column-extra: note'], SHOWN]);
    await ports.rebuilds.drop(begun);
    const { id } = await repaired();
    expect(await drift()).toEqual([]);
    const [switched] = await ports.rebuilds.list(roomList.name);
    expect(switched!.id).toBe(id);
    await ports.rebuilds.rollBack(switched!);
    expect([await drift(), await rows()]).toEqual([['column-extra: note'], SHOWN]);
  });
});
