// How far the changes of rows that existed have come.
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class DataMigrations1763700900000 implements MigrationInterface {
  readonly name = 'DataMigrations1763700900000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(DATA_MIGRATION);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table groundwork.data_migration');
  }
}

// Nobody but the owner of the tables changes all rows of one, so nobody else has rights here.
const DATA_MIGRATION = `
  create table groundwork.data_migration (
    name       text primary key,
    -- The key of the last row that has been looked at, column by column; null before the first one.
    last_key   text[],
    done       bigint not null default 0,
    changed    bigint not null default 0,
    total      bigint not null,
    started_at timestamptz(3) not null default clock_timestamp(),
    ended_at   timestamptz(3)
  )`;
