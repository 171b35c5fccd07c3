// The clients as a program runs them, in memory or on PostgreSQL, without HTTP and with a clock that stands still.
import 'reflect-metadata'; // Inversify asks for it, though nothing here is decorated.
import {
  Access,
  Clock,
  CommandHandler,
  CommandPipeline,
  CommandQueue,
  Commands,
  CommandStore,
  Endpoint,
  EventLog,
  EventStore,
  Ids,
  InvalidInput,
  Logger,
  LogSignal,
  Metrics,
  NotPermitted,
  parseExactJson,
  ProjectionRunner,
  ProjectionStore,
  Projection,
  Rebuilds,
  Resilience,
  TimeLimit,
  type RebuildKind,
  commandErrorOf,
  CodedError,
  type Actor,
  type EndpointRequest,
  type EndpointResponse,
  type Port,
  type StoredCommand,
} from '@groundwork/application';
import { parseUuid, type TenantId } from '@groundwork/domain';
import { migrate, persistenceModule, persistenceSettings } from '@groundwork/persistence';
import {
  FixedClock,
  MemoryLogger,
  MemoryMetrics,
  MemoryTracer,
  PlainResilience,
  rebuilt,
  SeededIds,
  VmTimeLimit,
} from '@groundwork/testing';
import { Container, ContainerModule, type ServiceIdentifier } from 'inversify';
import { Clients1763710000000 } from './adapters/clients.migration.ts';
import { SAMPLE_TENANT } from './change-events-under-test.ts';
import { clientsModule } from './clients.module.ts';
import { DEBUG, INGEST, MANAGE, READ } from './clients.roles.ts';
import { clientsSettings } from './clients.settings.ts';
import type { ClientRow } from './features/client-list/client-row.ts';

export interface Call {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly tenant?: TenantId;
  readonly permissions?: readonly string[];
  readonly ifMatch?: number;
  readonly idempotencyKey?: string;
}

export interface ClientsUnderTest {
  readonly logger: MemoryLogger;
  /** Calls an endpoint as `GET /v1/clients`; inputs are checked by its schemas. */
  call(route: string, call?: Call): Promise<EndpointResponse>;
  /** Posts a change event, has it processed and shown, and tells what became of the command. */
  post(text: string, call?: Call): Promise<StoredCommand>;
  /** Runs what was accepted and brings the list up to date. */
  settle(): Promise<void>;
  rebuild(kind?: RebuildKind): Promise<void>;
  readonly events: EventStore;
  readonly list: Projection<ClientRow>;
  close(): Promise<void>;
}

const ALL = [READ, MANAGE, INGEST, DEBUG];

/** `databaseUrl` is a superuser's; without it everything is kept in memory. */
export async function clientsUnderTest(
  env: {
    readonly databaseUrl?: string;
    readonly unmappedEntity?: 'keep' | 'reject';
    readonly mappingFile?: string;
  } = {},
): Promise<ClientsUnderTest> {
  const { databaseUrl, ...own } = env;
  if (databaseUrl !== undefined) await migrate(databaseUrl, [Clients1763710000000]);
  const persistence = persistenceSettings.parse(databaseUrl === undefined ? { store: 'memory' } : { databaseUrl });
  const logger = new MemoryLogger();
  const containers: Container[] = [];
  const program = async (user: 'api' | 'worker'): Promise<Container> => {
    const container = new Container({ defaultScope: 'Singleton' });
    containers.push(container);
    const clients = clientsModule(clientsSettings.parse(own));
    await container.loadAsync(surroundings(logger), persistenceModule(persistence, user), clients);
    return container;
  };
  const api = await program('api');
  const worker = databaseUrl === undefined ? api : await program('worker');
  const list = get(api, Projection) as unknown as Projection<ClientRow>;
  const settle = async (): Promise<void> => {
    await runCommands(worker);
    await project(worker, list as unknown as Projection);
  };
  return {
    logger,
    list,
    events: get(api, EventStore),
    settle,
    call: (route, call) => called(api, route, call),
    post: async (text, call) => {
      const { body } = await called(api, 'POST /v1/events/salesforce', { body: text, ...call });
      await settle();
      const { id } = body as { id: string };
      return (await get(api, CommandStore).get(call?.tenant ?? SAMPLE_TENANT, parseUuid(id)))!;
    },
    rebuild: async (kind) => {
      await rebuilt({ ...runnerPorts(worker), rebuilds: get(worker, Rebuilds) }, list as unknown as Projection, kind);
      await settle();
    },
    close: async () => {
      for (const container of containers) await container.unbindAllAsync();
    },
  };
}

const get = <T>(container: Container, key: Port<T>): T => container.get<T>(key as ServiceIdentifier<T>);

const surroundings = (logger: Logger): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind(Logger).toConstantValue(logger);
    bind(Metrics).toConstantValue(new MemoryMetrics());
    bind(Clock).toConstantValue(new FixedClock());
    bind(TimeLimit).toConstantValue(new VmTimeLimit());
    bind(Resilience).toConstantValue(new PlainResilience());
    bind(Ids).toConstantValue(new SeededIds(crypto.randomUUID()));
    bind(Access).toConstantValue({ authorise });
    bind(CommandPipeline).toResolvedValue(
      (handlers: CommandHandler[], access: Access, metrics: Metrics, clock: Clock) =>
        new CommandPipeline(handlers, { access, tracer: new MemoryTracer(), metrics, clock }),
      [{ serviceIdentifier: CommandHandler, isMultiple: true }, Access, Metrics, Clock],
    );
    bind(Commands).toResolvedValue(
      (store: CommandStore, pipeline: CommandPipeline, ids: Ids) =>
        new Commands(store, pipeline, ids, { owner: 'api', leaseMs: 60_000, waitMs: 5_000 }),
      [CommandStore, CommandPipeline, Ids],
    );
  });

function authorise(actor: Actor, permission: string): void {
  if (actor.permissions.has(permission)) return;
  throw new NotPermitted('security.not-permitted', `This needs ${permission}.`, 'Ask for the permission.');
}

async function called(container: Container, route: string, call: Call = {}): Promise<EndpointResponse> {
  const endpoint = container
    .getAll<Endpoint>(Endpoint as ServiceIdentifier<Endpoint>)
    .find(({ method, path }) => `${method} ${path}` === route);
  if (endpoint === undefined) throw new Error(`There is no endpoint ${route}.`);
  const permissions = new Set(call.permissions ?? ALL);
  const tenant = call.tenant ?? SAMPLE_TENANT;
  const actor: Actor = { subject: 'tester', tenant, roles: [], permissions };
  if (endpoint.permission !== 'public' && endpoint.permission !== 'authenticated')
    authorise(actor, endpoint.permission);
  const request: EndpointRequest<unknown, unknown> = {
    params: checked(endpoint.params, call.params ?? {}),
    query: checked(endpoint.query, call.query ?? {}),
    body: call.body === undefined ? undefined : parseExactJson(call.body),
    bodyText: call.body ?? '',
    actor,
    tenant,
    correlationId: 'correlation-1',
    requestId: 'request-1',
    idempotencyKey: call.idempotencyKey,
    ifMatch: call.ifMatch,
  };
  return endpoint.handle(request as never);
}

function checked(schema: Endpoint['params'], value: unknown): unknown {
  const result = schema?.safeParse(value);
  if (result === undefined || result.success) return result?.data;
  throw new InvalidInput('http.invalid-request', 'A value is not accepted.', 'Correct it.', []);
}

async function runCommands(worker: Container): Promise<void> {
  const [queue, store, pipeline] = [get(worker, CommandQueue), get(worker, CommandStore), worker.get(CommandPipeline)];
  for (;;) {
    const claimed = await queue.claim('worker', 50, 60_000);
    if (claimed.length === 0) return;
    for (const command of claimed) {
      try {
        await store.complete(command, 'worker', await pipeline.run(command));
      } catch (error) {
        if (!(error instanceof CodedError)) throw error;
        await store.fail(command, 'worker', commandErrorOf(error));
      }
    }
  }
}

async function project(worker: Container, list: Projection): Promise<void> {
  const runner = new ProjectionRunner(list, runnerPorts(worker), { owner: 'worker' });
  while (await runner.runOnce());
}

function runnerPorts(worker: Container) {
  return {
    store: get(worker, ProjectionStore),
    log: get(worker, EventLog),
    signal: get(worker, LogSignal),
    clock: get(worker, Clock),
    ids: get(worker, Ids),
    timeLimit: new VmTimeLimit(),
    tracer: new MemoryTracer(),
    logger: get(worker, Logger),
    metrics: get(worker, Metrics),
  };
}
