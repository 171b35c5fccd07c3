// Wires the store that the settings choose.
import {
  ChangeNotifications,
  Clock,
  CommandQueue,
  CommandStore,
  DeadLetters,
  EventLog,
  EventStore,
  EventTypeDefinition,
  EventTypes,
  HealthCheck,
  Logger,
  LogSignal,
  Metrics,
  Misconfigured,
  Projection,
  ProjectionStore,
  ReadModels,
  ReadModelVersions,
  Rebuilds,
  Resilience,
  TimeLimit,
} from '@groundwork/application';
import { ContainerModule } from 'inversify';
import type { EntitySchema } from 'typeorm';
import { Archive } from './archive/archive.ts';
import { MemoryCommandStore } from './memory/memory-command-store.ts';
import { MemoryEventStore } from './memory/memory-event-store.ts';
import { MemoryInlineRows } from './memory/memory-inline-rows.ts';
import { MemoryProjectionStore } from './memory/memory-projection-store.ts';
import { MemoryRebuilds } from './memory/memory-rebuilds.ts';
import type { PersistenceSettings } from './persistence.settings.ts';
import { INSTALLATION_EVENT_TYPES } from './tenants/tenants.ts';
import { databaseHealth } from './postgres/database-health.ts';
import { Database, type DatabaseRole } from './postgres/database.ts';
import { InlineProjections } from './postgres/inline-rows.ts';
import { LogicalDecoding } from './postgres/logical-decoding.ts';
import { PostgresCommandQueue } from './postgres/postgres-command-queue.ts';
import { PostgresCommandStore } from './postgres/postgres-command-store.ts';
import { PostgresDeadLetters } from './postgres/postgres-dead-letters.ts';
import { PostgresEventLog } from './postgres/postgres-event-log.ts';
import { PostgresEventStore } from './postgres/postgres-event-store.ts';
import { PostgresLogSignal } from './postgres/postgres-log-signal.ts';
import { PostgresProjectionStore } from './postgres/postgres-projection-store.ts';
import { PostgresReadModelVersions } from './postgres/postgres-read-model-versions.ts';
import { PostgresReadModels } from './postgres/postgres-read-models.ts';
import { PostgresRebuilds } from './postgres/postgres-rebuilds.ts';
import { PostgresTenantDatabase } from './postgres/postgres-tenant-database.ts';
import { Signals } from './postgres/signals.ts';
import { SupabaseRealtime } from './postgres/supabase-realtime.ts';
import { ReadModelEntity, TenantDatabase } from './tenant-database.ts';

/** Which process connects: the api may not read other tenants' events, the worker may. */
export type PersistenceUser = 'api' | 'worker' | 'cli';

const ROLES: Readonly<Record<PersistenceUser, DatabaseRole>> = {
  api: 'groundwork_app',
  worker: 'groundwork_worker',
  cli: 'groundwork_worker',
};

const ALL_PROJECTIONS = { serviceIdentifier: Projection, isMultiple: true } as const;

/**
 * Needs Logger, Metrics, Clock, Resilience, TimeLimit, and what contexts bind: EventTypeDefinitions, entities and
 * projections.
 */
export const persistenceModule = (
  settings: PersistenceSettings,
  user: PersistenceUser,
  handlerTimeoutMs?: number,
): ContainerModule =>
  new ContainerModule((options) => {
    for (const type of INSTALLATION_EVENT_TYPES)
      options.bind<EventTypeDefinition>(EventTypeDefinition).toConstantValue(type);
    options
      .bind(EventTypes)
      .toResolvedValue(
        (definitions: EventTypeDefinition[]) => new EventTypes(definitions),
        [{ serviceIdentifier: EventTypeDefinition, isMultiple: true }],
      )
      .inSingletonScope();
    if (settings.store === 'memory') bindMemory(options, handlerTimeoutMs);
    else {
      bindPostgres(options, settings, user);
      bindLog(options, settings, handlerTimeoutMs);
      bindNotifications(options, settings);
      bindReadModels(options);
    }
  });

type Binding = Pick<
  ConstructorParameters<typeof ContainerModule>[0] extends (options: infer O) => unknown ? O & object : never,
  'bind'
>;

function bindPostgres({ bind }: Binding, settings: PersistenceSettings, user: PersistenceUser): void {
  bind(Database)
    .toResolvedValue(
      (logger: Logger, metrics: Metrics, resilience: Resilience, entities: EntitySchema[]) =>
        new Database({
          ...settings,
          url: requiredUrl(settings),
          role: ROLES[user],
          applicationName: `groundwork-${user}`,
          entities,
          logger,
          metrics,
          resilience,
        }),
      [Logger, Metrics, Resilience, { serviceIdentifier: ReadModelEntity, isMultiple: true }],
    )
    .inSingletonScope()
    .onDeactivation((database: Database) => database.close());
  bind(Signals)
    .toResolvedValue(
      (database: Database, logger: Logger) => new Signals(database, listeningUrl(settings), logger),
      [Database, Logger],
    )
    .inSingletonScope()
    .onDeactivation((signals: Signals) => signals.close());
  bind<TenantDatabase>(TenantDatabase)
    .toResolvedValue(
      (database: Database, types: EventTypes, signals: Signals, inline: InlineProjections) =>
        new PostgresTenantDatabase(database, types, signals, inline),
      [Database, EventTypes, Signals, InlineProjections],
    )
    .inSingletonScope();
  bind<CommandStore>(CommandStore)
    .toResolvedValue(
      (database: Database, signals: Signals) => new PostgresCommandStore(database, signals),
      [Database, Signals],
    )
    .inSingletonScope();
  bind<CommandQueue>(CommandQueue)
    .toResolvedValue(
      (database: Database, signals: Signals) => new PostgresCommandQueue(database, signals),
      [Database, Signals],
    )
    .inSingletonScope();
  bind<HealthCheck>(HealthCheck)
    .toResolvedValue(
      (database: Database, signals: Signals, logger: Logger, resilience: Resilience) =>
        databaseHealth(database, signals, logger, resilience),
      [Database, Signals, Logger, Resilience],
    )
    .inSingletonScope();
}

function bindLog({ bind }: Binding, { archiveDir }: PersistenceSettings, handlerTimeoutMs?: number): void {
  bind(InlineProjections)
    .toResolvedValue(
      (projections: Projection[], types: EventTypes, timeLimit: TimeLimit) =>
        new InlineProjections(projections, types, timeLimit, handlerTimeoutMs),
      [ALL_PROJECTIONS, EventTypes, TimeLimit],
    )
    .inSingletonScope();
  bind(Archive)
    .toResolvedValue((database: Database) => new Archive(database, archiveDir), [Database])
    .inSingletonScope();
  bind<EventStore>(EventStore)
    .toResolvedValue(
      (database: Database, types: EventTypes, signals: Signals, archive: Archive, inline: InlineProjections) =>
        new PostgresEventStore(database, types, signals, archive, inline),
      [Database, EventTypes, Signals, Archive, InlineProjections],
    )
    .inSingletonScope();
  bind<EventLog>(EventLog)
    .toResolvedValue(
      (database: Database, types: EventTypes, archive: Archive) => new PostgresEventLog(database, types, archive),
      [Database, EventTypes, Archive],
    )
    .inSingletonScope();
  bind<LogSignal>(LogSignal)
    .toResolvedValue(
      (database: Database, types: EventTypes, signals: Signals) => new PostgresLogSignal(database, types, signals),
      [Database, EventTypes, Signals],
    )
    .inSingletonScope();
}

/** Who tells pumps that there is more; appends are announced by Signals either way. */
function bindNotifications({ bind }: Binding, settings: PersistenceSettings): void {
  const { pumpNotifications, supabaseUrl: url, supabaseKey: key } = settings;
  if (pumpNotifications === 'listen') {
    bind<ChangeNotifications>(ChangeNotifications).toResolvedValue(itself<ChangeNotifications>, [Signals]);
    return;
  }
  bind<ChangeNotifications>(ChangeNotifications)
    .toResolvedValue(
      (logger: Logger) =>
        pumpNotifications === 'decoding'
          ? new LogicalDecoding(requiredUrl(settings), logger)
          : new SupabaseRealtime({ url: url!, key: key! }, logger),
      [Logger],
    )
    .inSingletonScope()
    .onDeactivation((notifications) => (notifications as LogicalDecoding | SupabaseRealtime).close());
}

function bindReadModels({ bind }: Binding): void {
  bind<ProjectionStore>(ProjectionStore)
    .toResolvedValue(
      (database: Database, signals: Signals) => new PostgresProjectionStore(database, signals),
      [Database, Signals],
    )
    .inSingletonScope();
  bind<ReadModels>(ReadModels)
    .toResolvedValue((database: Database) => new PostgresReadModels(database), [Database])
    .inSingletonScope();
  bind<ReadModelVersions>(ReadModelVersions)
    .toResolvedValue(
      (database: Database, types: EventTypes) => new PostgresReadModelVersions(database, types),
      [Database, EventTypes],
    )
    .inSingletonScope();
  bind<Rebuilds>(Rebuilds)
    .toResolvedValue(
      (database: Database, entities: EntitySchema[]) => new PostgresRebuilds(database, entities),
      [Database, { serviceIdentifier: ReadModelEntity, isMultiple: true }],
    )
    .inSingletonScope();
  bind<DeadLetters>(DeadLetters)
    .toResolvedValue((database: Database) => new PostgresDeadLetters(database), [Database])
    .inSingletonScope();
}

function bindMemory({ bind }: Binding, handlerTimeoutMs?: number): void {
  bind(MemoryInlineRows)
    .toResolvedValue(
      (projections: Projection[], store: MemoryProjectionStore, timeLimit: TimeLimit) =>
        new MemoryInlineRows(projections, store, timeLimit, handlerTimeoutMs),
      [ALL_PROJECTIONS, MemoryProjectionStore, TimeLimit],
    )
    .inSingletonScope();
  bind(MemoryEventStore)
    .toResolvedValue(
      (types: EventTypes, clock: Clock, inline: MemoryInlineRows) =>
        new MemoryEventStore(types, clock, undefined, inline),
      [EventTypes, Clock, MemoryInlineRows],
    )
    .inSingletonScope();
  bind(MemoryCommandStore)
    .toResolvedValue((clock: Clock) => new MemoryCommandStore(clock), [Clock])
    .inSingletonScope();
  bind(MemoryProjectionStore)
    .toResolvedValue(
      (clock: Clock, commands: MemoryCommandStore) => new MemoryProjectionStore(clock, commands),
      [Clock, MemoryCommandStore],
    )
    .inSingletonScope();
  bind<Rebuilds>(Rebuilds)
    .toResolvedValue(
      (clock: Clock, store: MemoryProjectionStore) => new MemoryRebuilds(clock, store),
      [Clock, MemoryProjectionStore],
    )
    .inSingletonScope();
  // Reading these rows costs nothing that a cache would save.
  bind<ReadModelVersions>(ReadModelVersions).toConstantValue({ of: () => Promise.resolve(undefined) });
  bind<ChangeNotifications>(ChangeNotifications)
    .toResolvedValue(memoryNotifications, [MemoryEventStore, MemoryCommandStore])
    .inSingletonScope();
  // Not `toService`: wrappers are applied when a port is resolved, and a redirection would pass them by.
  for (const key of [EventStore, EventLog, LogSignal]) bind(key).toResolvedValue(itself, [MemoryEventStore]);
  for (const key of [CommandStore, CommandQueue]) bind(key).toResolvedValue(itself, [MemoryCommandStore]);
  for (const key of [ProjectionStore, DeadLetters, ReadModels]) {
    bind(key).toResolvedValue(itself, [MemoryProjectionStore]);
  }
}

const memoryNotifications = (events: MemoryEventStore, commands: MemoryCommandStore): ChangeNotifications => ({
  wait: (channel, timeoutMs, stop) =>
    channel === 'log' ? events.waitForGrowth(timeoutMs, stop) : commands.waitForCommands(timeoutMs, stop),
});

const itself = <T>(store: T): T => store;

/** Behind a pooler only a URL of its own leads to PostgreSQL itself. */
const listeningUrl = (settings: PersistenceSettings): string | undefined =>
  settings.directDatabaseUrl ?? (settings.pooler === 'transaction' ? undefined : requiredUrl(settings));

function requiredUrl(settings: PersistenceSettings): string {
  if (settings.databaseUrl !== undefined) return settings.databaseUrl;
  throw new Misconfigured(
    'database.url-missing',
    'DATABASE_URL is not set.',
    'Set it, or start everything with `npm start`, which brings its own PostgreSQL.',
  );
}
