// What every program of the platform is made of, in one place and in one order.
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import {
  Access,
  CachedReads,
  Caches,
  Clock,
  CommandHandler,
  CommandPipeline,
  Commands,
  CommandStore,
  EventStore,
  EventTypes,
  Ids,
  MessageDestination,
  Metrics,
  Publication,
  Relays,
  relaysOf,
  ReadModelVersions,
  TimeLimit,
  Tracer,
  type RelayStart,
} from '@groundwork/application';
import { cachingModule } from '@groundwork/caching';
import { messagingModule } from '@groundwork/messaging';
import { MeasuredEventStore, monitoringModule } from '@groundwork/monitoring';
import { persistenceModule, type PersistenceUser } from '@groundwork/persistence';
import { resilienceModule } from '@groundwork/resilience';
import { securityModule } from '@groundwork/security';
import { ContainerModule } from 'inversify';
import { settingsGroupsOf, type Contexts, type ContextSettings } from './contexts.ts';
import { platformSettings, type PlatformSettings } from './platform.settings.ts';
import type { SettingsGroups, SettingsOf } from './read-settings.ts';
import { shownSettings } from './settings-reference.ts';
import { ScriptTimeLimit } from './script-time-limit.ts';
import { SystemClock } from './system-clock.ts';
import { UuidIds } from './uuid-ids.ts';

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

// A client that repeats a request waits this long for the first one's result before it is told to come again.
const REPEATED_WAIT_MS = 10_000;

/**
 * Time and ids, then monitoring, resilience, persistence, caching, messaging and security, then the running of
 * commands, and at last the wrappers around all of them. Contexts come after; their settings are shown at `/info`.
 */
export function platformModules<Listed extends Contexts = Record<never, never>>(
  settings: PlatformSettings & ContextSettings<Listed>,
  program: PersistenceUser,
  contexts: Listed = {} as Listed,
): ContainerModule[] {
  const groups: SettingsGroups = { ...platformSettings, ...settingsGroupsOf(contexts) };
  const isProduction = settings.security.environment === 'production';
  const info = { settings: shownSettings(groups, settings as SettingsOf<SettingsGroups>) };
  return [
    timeAndIdsModule(),
    monitoringModule(settings.monitoring, { name: program, version, isProduction, info }),
    resilienceModule(settings.resilience),
    persistenceModule(settings.persistence, program, settings.worker.handlerTimeoutMs),
    cachingModule(settings.caching, settings.messaging.redisUrl),
    cachedReadsModule(settings.caching.staleMsMax),
    messagingModule(settings.messaging),
    securityModule(settings.security),
    commandsModule(settings.worker.commandLeaseMs),
    relaysModule(settings.worker.relayStart),
    wrappersModule(),
  ];
}

/** Names this process among all that run commands and projections: a restarted one is somebody else. */
export const ownerName = (ids: Ids): string => `${hostname()}-${process.pid}-${ids.next().slice(-12)}`;

const timeAndIdsModule = (): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind<Clock>(Clock).toConstantValue(new SystemClock());
    bind<TimeLimit>(TimeLimit).toConstantValue(new ScriptTimeLimit());
    bind<Ids>(Ids)
      .toResolvedValue((clock: Clock) => new UuidIds(clock), [Clock])
      .inSingletonScope();
  });

const cachedReadsModule = (staleMsMax: number): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(CachedReads)
      .toResolvedValue(
        (caches: Caches, versions: ReadModelVersions) => new CachedReads(caches, versions, staleMsMax),
        [Caches, ReadModelVersions],
      )
      .inSingletonScope();
  });

const commandsModule = (leaseMs: number): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(CommandPipeline)
      .toResolvedValue(
        (handlers: CommandHandler[], access: Access, tracer: Tracer, metrics: Metrics, clock: Clock) =>
          new CommandPipeline(handlers, { access, tracer, metrics, clock }),
        [{ serviceIdentifier: CommandHandler, isMultiple: true }, Access, Tracer, Metrics, Clock],
      )
      .inSingletonScope();
    bind(Commands)
      .toResolvedValue(
        (store: CommandStore, pipeline: CommandPipeline, ids: Ids) =>
          new Commands(store, pipeline, ids, { owner: ownerName(ids), leaseMs, waitMs: REPEATED_WAIT_MS }),
        [CommandStore, CommandPipeline, Ids],
      )
      .inSingletonScope();
  });

/** What contexts publish, on its way to every destination that is set. */
const relaysModule = (startAt: RelayStart): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind<Relays>(Relays)
      .toResolvedValue(
        (publications: Publication[], destinations: MessageDestination[], types: EventTypes) =>
          relaysOf(publications, destinations, { types, startAt }),
        [
          { serviceIdentifier: Publication, isMultiple: true },
          { serviceIdentifier: MessageDestination, isMultiple: true },
          EventTypes,
        ],
      )
      .inSingletonScope();
  });

/** Around whichever adapter is bound: what cuts across all of them does not enter any of them. */
const wrappersModule = (): ContainerModule =>
  new ContainerModule(({ onActivation }) => {
    onActivation<EventStore>(
      EventStore,
      (context, store) => new MeasuredEventStore(store, context.get<Metrics>(Metrics)),
    );
  });
