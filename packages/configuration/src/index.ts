// Reads settings and puts programs together; the only package that knows every adapter.
export { ManagementServer } from '@groundwork/monitoring';
export {
  allowDecoding,
  archivable,
  archiveStreams,
  checkDataMigration,
  decodingSql,
  DEFAULT_LOGINS,
  DRIFTS,
  dropTenant,
  exportTenant,
  generateMigration,
  importTenant,
  listArchives,
  listDroppedTenants,
  lintPolicies,
  listTenants,
  migrate,
  migrationOf,
  migrationStatus,
  POLICY_FAULTS,
  pooledLoginSql,
  prepareEmbeddedDatabase,
  readModelDrift,
  restoreStreams,
  revertMigration,
  runDataMigration,
  runningEmbeddedPostgres,
  setupSql,
  startEmbeddedPostgres,
  supabaseSql,
  verifyDatabase,
  type ArchivedFile,
  type DatabaseUrls,
  type DataMigration,
  type Drift,
  type DriftReport,
  type EmbeddedPostgres,
  type GeneratedMigration,
  type Logins,
  type MigrationReport,
  type MigrationStatus,
  type PolicyFault,
  type Verification,
} from '@groundwork/persistence';
export { issueDevelopmentToken, type DevelopmentTokenRequest } from '@groundwork/security';
export { compose, type App, type Composition, type Key } from './compose.ts';
export { contextModules, type Context, type Contexts, type ContextSettings } from './contexts.ts';
export {
  infrastructureFactory,
  type InfrastructureFactory,
  type InfrastructureOptions,
} from './infrastructure-factory.ts';
export { ownerName, platformModules } from './platform-modules.ts';
export { platformSettings, readSettings, type PlatformSettings, type WorkerSettings } from './platform.settings.ts';
export { runProgram } from './run-program.ts';
export { dataMigrationsOf, entitiesOf, eventTypesOf, migrationsOf, projectionsOf } from './schema-of.ts';
export { settingsFrom, type Environment, type SettingsGroups, type SettingsOf } from './read-settings.ts';
export { ScriptTimeLimit } from './script-time-limit.ts';
export { settingRows, shownSettings, type SettingRow } from './settings-reference.ts';
export { untilStopped } from './until-stopped.ts';
export { watchEventLoop } from './watch-event-loop.ts';
