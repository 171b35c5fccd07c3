// The whole api over memory twins, as a test needs it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Access,
  Authenticator,
  Clock,
  Commands,
  CommandStore,
  DeadLetters,
  EventLog,
  EventStore,
  Ids,
  LogSignal,
  platformEndpoints,
  ProjectionStore,
  ReadModels,
  Rebuilds,
  Relays,
  TimeLimit,
  type CommandQueue,
  type Endpoint,
  type Projection,
  type StreamModel,
} from '@groundwork/application';
import {
  compose,
  issueDevelopmentToken,
  platformModules,
  readSettings,
  type DevelopmentTokenRequest,
} from '@groundwork/configuration';
import { MemoryLogger, MemoryMetrics } from '@groundwork/testing';
import { apiModule } from '../api.module.ts';
import { createApi, type Api, type ApiOptions } from '../http/create-api.ts';
import { serveApi, type RunningApi } from '../http/serve-api.ts';
import { noteEndpoints } from './notes-under-test.ts';
import { notesModule } from './notes.module.ts';

export interface ApiUnderTest extends AsyncDisposable {
  readonly api: Api;
  readonly endpoints: readonly Endpoint[];
  readonly logger: MemoryLogger;
  readonly metrics: MemoryMetrics;
  readonly events: EventStore;
  readonly commands: CommandStore & CommandQueue;
  readonly projections: ProjectionStore;
  readonly rebuilds: Rebuilds;
  readonly log: EventLog;
  readonly signal: LogSignal;
  /** What `GET /v1/faults` throws. */
  fault: unknown;
  authorization(token?: DevelopmentTokenRequest): Promise<{ authorization: string }>;
  listen(): Promise<RunningApi>;
}

export interface ApiChanges {
  readonly options?: Partial<ApiOptions>;
  readonly endpoints?: readonly Endpoint[];
  readonly projections?: readonly Projection[];
  readonly models?: readonly StreamModel[];
}

export async function apiUnderTest({
  options = {},
  endpoints: more = [],
  projections = [],
  models = [],
}: ApiChanges = {}): Promise<ApiUnderTest> {
  // Freed by the test, or here when the api refuses to be made.
  await using opened = new AsyncDisposableStack();
  const dataDir = mkdtempSync(join(tmpdir(), 'groundwork-api-'));
  opened.defer(() => rmSync(dataDir, { recursive: true }));
  const settings = readSettings({ NODE_ENV: 'test', GW_STORE: 'memory', GW_DATA_DIR: dataDir });
  const app = await compose({ program: 'api', modules: [...platformModules(settings, 'api'), apiModule, notesModule] });
  opened.use(app);
  const [logger, metrics] = [new MemoryLogger(), new MemoryMetrics()];
  const [events, commands, ids, signal, store] = [
    app.get(EventStore),
    app.get(CommandStore),
    app.get(Ids),
    app.get(LogSignal),
    app.get(ProjectionStore),
  ];
  const clock = app.get(Clock);
  const platform = platformEndpoints({
    events,
    commands,
    submissions: app.get(Commands),
    signal,
    projectionStore: store,
    rebuilds: app.get(Rebuilds),
    deadLetters: app.get(DeadLetters),
    projections,
    relays: app.get(Relays),
    models,
    readModels: app.get(ReadModels),
    access: app.get(Access),
    clock,
    timeLimit: app.get(TimeLimit),
    handlerTimeoutMs: settings.worker.handlerTimeoutMs,
  });
  const under = { fault: undefined as unknown };
  const endpoints = [...platform, ...noteEndpoints({ events, commands, ids }, () => under.fault), ...more];
  const api = await createApi(
    {
      endpoints,
      authenticator: app.get(Authenticator),
      access: app.get(Access),
      logger,
      metrics,
      ids,
      signal,
      projections: store,
    },
    { version: '0.0.0', docs: true, ...options },
  );
  opened.defer(() => api.app.close());
  const running = opened.move();
  return Object.assign(under, {
    api,
    endpoints,
    logger,
    metrics,
    events,
    commands: commands as CommandStore & CommandQueue,
    projections: store,
    rebuilds: app.get(Rebuilds),
    log: app.get(EventLog),
    signal,
    authorization: async (token: DevelopmentTokenRequest = {}) => ({
      authorization: `Bearer ${await issueDevelopmentToken(settings.security, token)}`,
    }),
    async listen() {
      const served = await serveApi(api, { host: '127.0.0.1', port: 0 });
      running.defer(() => served.close(1_000));
      return served;
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  });
}
