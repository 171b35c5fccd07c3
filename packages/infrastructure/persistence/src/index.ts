// The ports of the application on PostgreSQL, their memory twins, and a PostgreSQL for machines without one.
export {
  And,
  EntitySchema,
  MoreThan,
  Raw,
  type EntityManager,
  type FindOptionsWhere,
  type MigrationInterface,
  type QueryRunner,
} from 'typeorm';
export { allowDecoding, prepareEmbeddedDatabase, type DatabaseUrls } from './embedded/embedded-database.ts';
export { EmbeddedDatabaseFailed } from './embedded/embedded-errors.ts';
export {
  runningEmbeddedPostgres,
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from './embedded/embedded-postgres.ts';
export { DRIFTS, type Drift, type DriftKind } from './drift/drifts.ts';
export { readModelDrift, type DriftReport } from './drift/read-model-drift.ts';
export { MemoryCommandStore } from './memory/memory-command-store.ts';
export { MemoryEventStore, MemoryLog } from './memory/memory-event-store.ts';
export { MemoryProjectionStore } from './memory/memory-projection-store.ts';
export { MemoryStateAggregates } from './memory/memory-state-aggregates.ts';
export { lintPolicies, POLICY_FAULTS, type PolicyFault, type PolicyFaultKind } from './policies/lint-policies.ts';
export { persistenceModule, type PersistenceUser } from './persistence.module.ts';
export { persistenceSettings, type PersistenceSettings } from './persistence.settings.ts';
export {
  checkDataMigration,
  DataMigration,
  runDataMigration,
  type DataMigrationCheck,
  type DataMigrationProgress,
} from './postgres/data-migration.ts';
export { Database, type DatabaseOptions, type DatabaseRole } from './postgres/database.ts';
export {
  generateMigration,
  migrationOf,
  schemaDifference,
  type GeneratedMigration,
  type SchemaDifference,
} from './postgres/generate-migration.ts';
export {
  migrate,
  migrationStatus,
  PLATFORM_MIGRATIONS,
  revertMigration,
  type MigrateOptions,
  type MigrationReport,
  type MigrationStatus,
  type MigrationType,
} from './postgres/migrate.ts';
export { decodingSql, LogicalDecoding } from './postgres/logical-decoding.ts';
export { supabaseSql } from './postgres/supabase-realtime.ts';
export { PostgresEventStore } from './postgres/postgres-event-store.ts';
export { PostgresStateAggregates, type StateAggregateType } from './postgres/postgres-state-aggregates.ts';
export { DEFAULT_LOGINS, pooledLoginSql, setupSql, type Logins } from './postgres/roles.ts';
export { Signals } from './postgres/signals.ts';
export { readModelIndex, type ReadModelIndex } from './read-model-index.ts';
export type { CheckName, Finding } from './verify/findings.ts';
export { verifyDatabase, type Verification, type VerifyOptions } from './verify/verify-database.ts';
export { exportTenant } from './tenants/export-tenant.ts';
export { importTenant, type ImportReport } from './tenants/import-tenant.ts';
export type { TenantManifest } from './tenants/tenant-files.ts';
export { archivable, archiveStreams, type ArchiveOptions, type ArchiveReport } from './archive/archive-streams.ts';
export { listArchives, restoreStreams, type ArchivedFile } from './archive/restore-streams.ts';
export {
  dropTenant,
  INSTALLATION_EVENT_TYPES,
  listDroppedTenants,
  listTenants,
  type TenantDrop,
  type TenantFacts,
} from './tenants/tenants.ts';
export { MigrationClass, ReadModelEntity, TenantDatabase } from './tenant-database.ts';
