// Each kind of drift is planted in the table of a read model, past Groundwork, and is found by its name.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { EntitySchema } from 'typeorm';
import { postgresUnderTest, type PostgresUnderTest } from '../postgres/postgres-under-test.ts';
import { readModelDrift } from './read-model-drift.ts';
import { room, roomList, ROOM_TABLE } from './rooms-under-test.ts';

let postgres: PostgresUnderTest;
beforeAll(async () => {
  postgres = await postgresUnderTest();
});
afterAll(() => postgres.close());
beforeEach(() => postgres.administrator.query(ROOM_TABLE));
afterEach(() => postgres.administrator.query('drop schema plans cascade'));

const plant = (statement: string) => postgres.administrator.query(statement);
const drifts = async (entities: readonly EntitySchema[] = [room]) =>
  (await readModelDrift(postgres.url, { projections: [roomList], entities })).projections[0]!.drifts;
/** What is found, as `kind: name, declared / found`. */
const found = async (entities?: readonly EntitySchema[]): Promise<readonly string[]> =>
  (await drifts(entities)).map((one) => `${one.kind}: ${one.name}, ${one.declared} / ${one.found}`);

const POLICIES = ['select for groundwork_app', 'select for groundwork_worker'];
const WRITING = ['insert', 'update', 'delete'].map((command) => `${command} for groundwork_worker`);
const lost = (kind: string, what: readonly string[]) => what.map((name) => `${kind}: ${name}, ${name} / null`);

describe('S1-66 the drift of a read model', () => {
  it('is none where the table is as it is declared, by projection and entity or by the projection alone', async () => {
    expect(await found()).toEqual([]);
    expect(await found([])).toEqual([]);
  });

  it.each([
    [
      'a missing column',
      'alter table plans.room drop column seats',
      [
        'column-missing: seats, integer / null',
        'index-missing: room_seats, (tenant, seats) where seats is not null / null',
      ],
    ],
    [
      'an extra column',
      'alter table plans.room add column note text not null',
      ['column-extra: note, null / text not null'],
    ],
    ['another type', 'alter table plans.room alter column seats type bigint', ['column-type: seats, integer / bigint']],
    [
      'no array',
      `drop index plans.room_tags; alter table plans.room alter column tags type text using ''`,
      ['column-type: tags, text[] / text', 'index-missing: room_tags, room_tags / null'],
    ],
    [
      'another collation',
      'alter table plans.room alter column id type text collate "default"',
      ['column-type: id, text collate C not null / text not null'],
    ],
    [
      'another nullability',
      'alter table plans.room alter column label drop not null',
      ['column-type: label, text not null / text'],
    ],
    [
      'a column in another case',
      'alter table plans.room rename column label to "Label"',
      ['column-case: label, label / Label'],
    ],
    [
      'a column in another case and of another type',
      'alter table plans.room rename column seats to "Seats"; alter table plans.room alter column "Seats" type text',
      ['column-case: seats, seats / Seats', 'column-type: seats, integer / text'],
    ],
    ['no table', 'drop table plans.room', ['table-missing: room, room / null']],
    ['the table in another case', 'alter table plans.room rename to "Room"', ['table-case: room, room / Room']],
    ['no primary key', 'alter table plans.room drop constraint room_pkey', ['key-missing: room, tenant, id / null']],
    [
      'a primary key without the tenant',
      'alter table plans.room drop constraint room_pkey; alter table plans.room add primary key (id)',
      ['key-missing: room, tenant, id / id'],
    ],
    [
      'no unique constraint',
      'alter table plans.room drop constraint room_label',
      ['unique-missing: room_label, room_label / null'],
    ],
    [
      'no index',
      'drop index plans.room_seats',
      ['index-missing: room_seats, (tenant, seats) where seats is not null / null'],
    ],
    [
      'row-level security off',
      'alter table plans.room disable row level security',
      ['row-security-off: room, forced / null'],
    ],
    [
      'row-level security that spares the owner',
      'alter table plans.room no force row level security',
      ['row-security-off: room, forced / null'],
    ],
    ['no policy for the api', 'drop policy own_tenant on plans.room', lost('policy-missing', POLICIES.slice(0, 1))],
    ['no policy for the worker', 'drop policy own_tenant_writes on plans.room', lost('policy-missing', WRITING)],
    [
      'no policy for the owner',
      'drop policy owner_all on plans.room',
      lost('policy-missing', ['all for groundwork_owner']),
    ],
    [
      'no right to read',
      'revoke select on plans.room from groundwork_app, groundwork_worker',
      lost('right-missing', POLICIES),
    ],
    [
      'no right to write',
      'revoke insert, update, delete on plans.room from groundwork_worker',
      lost('right-missing', WRITING),
    ],
  ])('is %s, and nothing else', async (_what, statement, expected) => {
    await plant(statement);
    expect(await found()).toEqual(expected);
  });

  it('says what to do about each, and that a repair makes no index that is declared by its name alone', async () => {
    await plant('drop index plans.room_seats, plans.room_tags; alter table plans.room add column note text');
    expect((await drifts()).map(({ kind, isRepairable, next }) => [kind, isRepairable, next])).toEqual([
      ['column-extra', true, expect.stringContaining('gw projections repair')],
      ['index-missing', true, expect.stringContaining('A repair makes')],
      ['index-missing', false, expect.stringContaining('migration')],
    ]);
  });
});
