// TypeORM on the one pool of the process.
import pg from 'pg';
import { DataSource, type EntitySchema } from 'typeorm';

/** It asks the driver for a pool and is handed ours. */
export function openDataSource(pool: pg.Pool, entities: readonly EntitySchema[]): Promise<DataSource> {
  const Pool = function () {
    return pool;
  };
  return new DataSource({ type: 'postgres', driver: { ...pg, Pool }, entities: [...entities] }).initialize();
}
