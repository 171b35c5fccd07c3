// Wires the worker: its loops, and the watch over them that readiness asks.
import {
  ChangeNotifications,
  Clock,
  CommandHandler,
  CommandPipeline,
  CommandQueue,
  CommandStore,
  EventLog,
  EventSubscriber,
  EventTypes,
  HealthCheck,
  Ids,
  Logger,
  LogSignal,
  MessageBus,
  MessageSubscriber,
  Metrics,
  port,
  Projection,
  ProjectionRegistry,
  ProjectionStore,
  Rebuilds,
  rebuildStreamHandler,
  Relays,
  TimeLimit,
  Tracer,
} from '@groundwork/application';
import type { PlatformSettings, WorkerSettings } from '@groundwork/configuration';
import { ContainerModule } from 'inversify';
import { eventPumps } from './event-pumps.ts';
import { LogWatch } from './log-watch.ts';
import { MessageSubscriptions } from './message-subscriptions.ts';
import type { WorkerLoop } from './worker-loop.ts';
import { workerLoops } from './worker-loops.ts';
import { Worker } from './worker.ts';

const RESTART_DELAY_MS = 200;
const RESTART_DELAY_MAX_MS = 30_000;

type WorkerLoops = readonly WorkerLoop[];
const WorkerLoops = port<WorkerLoops>('WorkerLoops');
const EventPumps = port<WorkerLoops>('EventPumps');
const Messages = port<WorkerLoops>('Messages');

type Bind = Parameters<ConstructorParameters<typeof ContainerModule>[0]>[0]['bind'];

/** Needs the platform's ports, and the handlers, projections and subscribers that the contexts bind. */
export const workerModule = ({
  worker: settings,
  security: { environment },
}: Pick<PlatformSettings, 'worker' | 'security'>): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bindRegistry(bind);
    bind<WorkerLoops>(WorkerLoops)
      .toResolvedValue(
        (
          pipeline: CommandPipeline,
          metrics: Metrics,
          clock: Clock,
          ids: Ids,
          timeLimit: TimeLimit,
          tracer: Tracer,
          logger: Logger,
          commandQueue: CommandQueue,
          commandStore: CommandStore,
          projectionStore: ProjectionStore,
          rebuilds: Rebuilds,
          log: EventLog,
          signal: LogSignal,
          { all: projections }: ProjectionRegistry,
          relays: Relays,
        ) => {
          const running = { pipeline, metrics, clock, ids, timeLimit, tracer, logger, projections, relays };
          return workerLoops(
            { ...running, commandQueue, commandStore, projectionStore, rebuilds, log, signal },
            settings,
          );
        },
        [
          CommandPipeline,
          Metrics,
          Clock,
          Ids,
          TimeLimit,
          Tracer,
          Logger,
          CommandQueue,
          CommandStore,
          ProjectionStore,
          Rebuilds,
          EventLog,
          LogSignal,
          ProjectionRegistry,
          Relays,
        ],
      )
      .inSingletonScope();
    bind(CommandHandler).toResolvedValue(
      (projections: Projection[], store: ProjectionStore, log: EventLog, timeLimit: TimeLimit) =>
        rebuildStreamHandler(projections, { store, log, timeLimit }, settings.handlerTimeoutMs),
      [{ serviceIdentifier: Projection, isMultiple: true }, ProjectionStore, EventLog, TimeLimit],
    );
    bindPumps(bind, settings, environment === 'production');
    bindMessages(bind);
    bindWatchAndWorker(bind, settings);
  });

function bindRegistry(bind: Bind): void {
  bind(ProjectionRegistry)
    .toResolvedValue(
      (projections: Projection[], types: EventTypes) => new ProjectionRegistry(projections, types),
      [{ serviceIdentifier: Projection, isMultiple: true }, EventTypes],
    )
    .inSingletonScope();
}

function bindPumps(bind: Bind, { pumps: isAllowed }: WorkerSettings, isProduction: boolean): void {
  bind<WorkerLoops>(EventPumps)
    .toResolvedValue(
      (
        log: EventLog,
        notifications: ChangeNotifications,
        clock: Clock,
        logger: Logger,
        metrics: Metrics,
        subscribers: EventSubscriber[],
      ) =>
        eventPumps(
          { log, notifications, clock, logger: logger.child({ context: 'pumps' }), metrics, subscribers },
          { isAllowed, isProduction },
        ),
      [EventLog, ChangeNotifications, Clock, Logger, Metrics, { serviceIdentifier: EventSubscriber, isMultiple: true }],
    )
    .inSingletonScope();
}

/** Nobody connects to a broker for nothing. */
function bindMessages(bind: Bind): void {
  bind<WorkerLoops>(Messages)
    .toResolvedValue(
      (bus: MessageBus, clock: Clock, logger: Logger, subscribers: MessageSubscriber[]) =>
        subscribers.length === 0 ? [] : [new MessageSubscriptions({ bus, clock, logger }, subscribers)],
      [MessageBus, Clock, Logger, { serviceIdentifier: MessageSubscriber, isMultiple: true }],
    )
    .inSingletonScope();
}

function bindWatchAndWorker(bind: Bind, settings: WorkerSettings): void {
  bind(LogWatch)
    .toResolvedValue(
      (
        loops: WorkerLoops,
        pumps: WorkerLoops,
        messages: WorkerLoops,
        signal: LogSignal,
        store: ProjectionStore,
        queue: CommandQueue,
        clock: Clock,
        logger: Logger,
        metrics: Metrics,
      ) => {
        const ports = { signal, store, queue, clock, logger: logger.child({ context: 'log-watch' }), metrics };
        return new LogWatch([...loops, ...pumps, ...messages], ports, settings);
      },
      [WorkerLoops, EventPumps, Messages, LogSignal, ProjectionStore, CommandQueue, Clock, Logger, Metrics],
    )
    .inSingletonScope();
  bind<HealthCheck>(HealthCheck).toService(LogWatch);
  bind<HealthCheck>(HealthCheck).toResolvedValue(({ relays }: LogWatch) => relays, [LogWatch]);
  bind(Worker)
    .toResolvedValue(
      (
        loops: WorkerLoops,
        pumps: WorkerLoops,
        messages: WorkerLoops,
        watch: LogWatch,
        logger: Logger,
        metrics: Metrics,
      ) => {
        const delays = { restartDelayMs: RESTART_DELAY_MS, restartDelayMaxMs: RESTART_DELAY_MAX_MS };
        return new Worker([...loops, ...pumps, ...messages, watch], { logger, metrics, ...delays });
      },
      [WorkerLoops, EventPumps, Messages, LogWatch, Logger, Metrics],
    )
    .inSingletonScope();
}
