// The whole infrastructure as one object, for scripts and tests that want its parts without a program around them.
import { CommandStore, EventLog, EventPublisher, EventStore } from '@groundwork/application';
import { CodedError } from '@groundwork/domain';
import { TenantDatabase } from '@groundwork/persistence';
import { ContainerModule } from 'inversify';
import { compose, type Key } from './compose.ts';
import { platformModules } from './platform-modules.ts';
import { readSettings } from './platform.settings.ts';
import type { Environment } from './read-settings.ts';

export interface InfrastructureOptions {
  readonly databaseUrl: string;
  /** Where events are published to; without it only publishing is refused, with `messaging.region-missing`. */
  readonly eventbridgeRegion?: string;
  /** Any other setting by its variable; nothing is read from the process's own environment. */
  readonly settings?: Environment;
  /** What contexts bring: event types, entities, projections. */
  readonly modules?: readonly ContainerModule[];
  /** Used instead of the platform's own adapters. */
  readonly replacements?: Readonly<{
    eventStore?: EventStore;
    commandStore?: CommandStore;
    readModels?: TenantDatabase;
    publisher?: EventPublisher;
  }>;
}

/** Every part is made once: reading a property again gives the same instance. */
export interface InfrastructureFactory extends AsyncDisposable {
  readonly eventStore: EventStore;
  readonly eventLog: EventLog;
  readonly commandStore: CommandStore;
  /** The read models of one tenant at a time, through TypeORM. */
  readonly readModels: TenantDatabase;
  /** Tells other systems about events; finds AWS's credentials as all AWS tools do. */
  readonly publisher: EventPublisher;
  /** Anything else that the platform or the given modules bind, as the programs get it. */
  get<T>(key: Key<T>): T;
  /** Frees everything; twice is harmless. Any use afterwards throws `infrastructure.closed`. */
  close(): Promise<void>;
}

/** The factory was closed and has nothing left to give. */
export class InfrastructureClosed extends CodedError {}

/** Puts the platform's modules together, exactly as the programs do. */
export async function infrastructureFactory(options: InfrastructureOptions): Promise<InfrastructureFactory> {
  const settings = readSettings({
    ...options.settings,
    DATABASE_URL: options.databaseUrl,
    ...(options.eventbridgeRegion === undefined ? {} : { EVENTBRIDGE_REGION: options.eventbridgeRegion }),
  });
  const modules = [
    ...platformModules(settings, 'cli'),
    ...(options.modules ?? []),
    replacementsModule(options.replacements ?? {}),
  ];
  const roots = [EventStore, EventLog, CommandStore, EventPublisher];
  const app = await compose({ program: 'infrastructure', modules, roots });
  let closed = false;
  const part = <T>(key: Key<T>): T => {
    if (closed) throw infrastructureClosed();
    return app.get(key);
  };
  const close = async (): Promise<void> => {
    closed = true;
    await app[Symbol.asyncDispose]();
  };
  return {
    get eventStore() {
      return part(EventStore);
    },
    get eventLog() {
      return part(EventLog);
    },
    get commandStore() {
      return part(CommandStore);
    },
    get readModels() {
      return part(TenantDatabase);
    },
    get publisher() {
      return part(EventPublisher);
    },
    get: part,
    close,
    [Symbol.asyncDispose]: close,
  };
}

const replacementsModule = (replacements: NonNullable<InfrastructureOptions['replacements']>): ContainerModule =>
  new ContainerModule(({ rebind }) => {
    const { eventStore, commandStore, readModels, publisher } = replacements;
    if (eventStore !== undefined) rebind<EventStore>(EventStore).toConstantValue(eventStore);
    if (commandStore !== undefined) rebind<CommandStore>(CommandStore).toConstantValue(commandStore);
    if (readModels !== undefined) rebind<TenantDatabase>(TenantDatabase).toConstantValue(readModels);
    if (publisher !== undefined) rebind<EventPublisher>(EventPublisher).toConstantValue(publisher);
  });

const infrastructureClosed = (): InfrastructureClosed =>
  new InfrastructureClosed(
    'infrastructure.closed',
    'The infrastructure has been closed.',
    'Make a new one with infrastructureFactory, or close it later.',
  );
