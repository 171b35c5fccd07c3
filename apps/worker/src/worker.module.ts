// Wires the worker: its loops, and the watch over them that readiness asks.
import {
  Clock,
  CommandPipeline,
  CommandQueue,
  CommandStore,
  EventLog,
  HealthCheck,
  Ids,
  Logger,
  LogSignal,
  Metrics,
  port,
  Projection,
  ProjectionStore,
  Rebuilds,
} from '@groundwork/application';
import type { WorkerSettings } from '@groundwork/configuration';
import { ContainerModule } from 'inversify';
import { LogWatch } from './log-watch.ts';
import type { WorkerLoop } from './worker-loop.ts';
import { workerLoops } from './worker-loops.ts';
import { Worker } from './worker.ts';

const RESTART_DELAY_MS = 200;
const RESTART_DELAY_MAX_MS = 30_000;

type WorkerLoops = readonly WorkerLoop[];
const WorkerLoops = port<WorkerLoops>('WorkerLoops');

/** Needs the platform's ports, and the handlers and projections that the contexts bind. */
export const workerModule = (settings: WorkerSettings): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind<WorkerLoops>(WorkerLoops)
      .toResolvedValue(
        (
          pipeline: CommandPipeline,
          metrics: Metrics,
          clock: Clock,
          ids: Ids,
          logger: Logger,
          commandQueue: CommandQueue,
          commandStore: CommandStore,
          projectionStore: ProjectionStore,
          rebuilds: Rebuilds,
          log: EventLog,
          signal: LogSignal,
          projections: Projection[],
        ) => {
          const running = { pipeline, metrics, clock, ids, logger, projections };
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
          Logger,
          CommandQueue,
          CommandStore,
          ProjectionStore,
          Rebuilds,
          EventLog,
          LogSignal,
          { serviceIdentifier: Projection, isMultiple: true },
        ],
      )
      .inSingletonScope();
    bind(LogWatch)
      .toResolvedValue(
        (
          loops: WorkerLoops,
          signal: LogSignal,
          store: ProjectionStore,
          queue: CommandQueue,
          clock: Clock,
          logger: Logger,
          metrics: Metrics,
        ) => {
          const ports = { signal, store, queue, clock, logger: logger.child({ context: 'log-watch' }), metrics };
          return new LogWatch(loops, ports, settings);
        },
        [WorkerLoops, LogSignal, ProjectionStore, CommandQueue, Clock, Logger, Metrics],
      )
      .inSingletonScope();
    bind<HealthCheck>(HealthCheck).toService(LogWatch);
    bind(Worker)
      .toResolvedValue(
        (loops: WorkerLoops, watch: LogWatch, logger: Logger, metrics: Metrics) => {
          const delays = { restartDelayMs: RESTART_DELAY_MS, restartDelayMaxMs: RESTART_DELAY_MAX_MS };
          return new Worker([...loops, watch], { logger, metrics, ...delays });
        },
        [WorkerLoops, LogWatch, Logger, Metrics],
      )
      .inSingletonScope();
  });
