// TypeORM for contexts: reads and writes of their own tables, always inside one tenant.
import { port, type Append, type Appended, type Port } from '@groundwork/application';
import type { EntityManager, EntitySchema } from 'typeorm';
import type { MigrationType } from './postgres/migrate.ts';

export interface TenantDatabase {
  /**
   * Runs `work` in one transaction in which only rows of `tenant` exist: committed when it resolves, rolled back when
   * it rejects. Throws Unavailable `database.unavailable` when PostgreSQL cannot be reached.
   */
  within<T>(tenant: string, work: (manager: EntityManager) => Promise<T>): Promise<T>;
  /**
   * Runs `work` inside the append's tenant and appends, in one transaction: rows and events, both or neither. What
   * `work` does is done before the log is locked. Throws what EventStore.append throws; an append that was stored
   * before (`repeated`) changes no row again.
   */
  appendWith(append: Append, work: (manager: EntityManager) => Promise<unknown>): Promise<Appended>;
}
export const TenantDatabase = port<TenantDatabase>('TenantDatabase');

/** The tables of a context as TypeORM knows them; multi-bound. */
export type ReadModelEntity = EntitySchema;
export const ReadModelEntity: Port<EntitySchema> = port<EntitySchema>('ReadModelEntity');

/** The migrations of a context; multi-bound. */
export type MigrationClass = MigrationType;
export const MigrationClass: Port<MigrationType> = port<MigrationType>('MigrationClass');
