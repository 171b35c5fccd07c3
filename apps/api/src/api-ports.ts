// What the api takes out of the container.
import {
  Access,
  Authenticator,
  Clock,
  Commands,
  CommandStore,
  DeadLetters,
  Endpoint,
  EventStore,
  Ids,
  Logger,
  LogSignal,
  Metrics,
  platformEndpoints,
  Projection,
  ProjectionStore,
  Publication,
  ReadModels,
  Relays,
  StreamModel,
  Rebuilds,
  TimeLimit,
  type Port,
} from '@groundwork/application';
import type { App, WorkerSettings } from '@groundwork/configuration';
import type { ApiPorts } from './http/create-api.ts';

/** What the start looks for before any port is opened. */
export const API_ROOTS: readonly Port<unknown>[] = [
  Access,
  Authenticator,
  Clock,
  CommandStore,
  DeadLetters,
  EventStore,
  Ids,
  Logger,
  LogSignal,
  Metrics,
  ProjectionStore,
  ReadModels,
  Rebuilds,
  Relays,
  TimeLimit,
];

/** The endpoints of all contexts and of the platform itself, and what serving them needs. */
export function apiPorts(app: App, { handlerTimeoutMs }: Pick<WorkerSettings, 'handlerTimeoutMs'>): ApiPorts {
  const [signal, projectionStore] = [app.get(LogSignal), app.get(ProjectionStore)];
  const platform = platformEndpoints({
    events: app.get(EventStore),
    commands: app.get(CommandStore),
    submissions: app.get(Commands),
    signal,
    projectionStore,
    rebuilds: app.get(Rebuilds),
    deadLetters: app.get(DeadLetters),
    projections: app.getAll(Projection),
    relays: app.get(Relays),
    models: app.getAll(StreamModel),
    readModels: app.get(ReadModels),
    access: app.get(Access),
    clock: app.get(Clock),
    timeLimit: app.get(TimeLimit),
    handlerTimeoutMs,
  });
  return {
    endpoints: [...app.getAll(Endpoint), ...platform],
    publications: app.getAll(Publication),
    authenticator: app.get(Authenticator),
    access: app.get(Access),
    logger: app.get(Logger),
    metrics: app.get(Metrics),
    ids: app.get(Ids),
    signal,
    projections: projectionStore,
  };
}
