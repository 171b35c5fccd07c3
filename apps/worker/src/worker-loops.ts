// The loops of a worker: one for stored commands, one for each projection and relay, and one for rebuilds.
import {
  CommandConsumer,
  ProjectionRunner,
  RebuildRunner,
  type CommandConsumerPorts,
  type Ids,
  type Projection,
  type ProjectionRunnerPorts,
  type Rebuilds,
  type Relay,
  type TimeLimit,
  type Tracer,
} from '@groundwork/application';
import { ownerName, type WorkerSettings } from '@groundwork/configuration';
import { COMMANDS } from './log-watch.ts';
import { named, type WorkerLoop } from './worker-loop.ts';

export interface WorkerPorts extends Pick<CommandConsumerPorts, 'pipeline' | 'clock' | 'logger' | 'metrics'> {
  readonly ids: Ids;
  readonly timeLimit: TimeLimit;
  readonly tracer: Tracer;
  readonly commandQueue: CommandConsumerPorts['queue'];
  readonly commandStore: CommandConsumerPorts['store'];
  readonly projections: readonly Projection[];
  readonly relays: readonly Relay[];
  readonly projectionStore: ProjectionRunnerPorts['store'];
  readonly rebuilds: Rebuilds;
  readonly log: ProjectionRunnerPorts['log'];
  readonly signal: ProjectionRunnerPorts['signal'];
}

// What is not confirmed when a relay meets a fault is sent again, so that it takes less at once.
const RELAY_BATCH_SIZE_MAX = 500;

/** All loops work under one owner name. */
export function workerLoops(ports: WorkerPorts, settings: WorkerSettings): readonly WorkerLoop[] {
  const owner = ownerName(ports.ids);
  const projectionPorts: ProjectionRunnerPorts = {
    ...ports,
    store: ports.projectionStore,
    logger: ports.logger.child({ context: 'projections' }),
  };
  const { slices, batchSizeMax, leaseMs, pollIntervalMs, handlerTimeoutMs, ownersLostMax } = settings;
  const limits = {
    owner,
    slices,
    sliceCountMax: slices,
    batchSizeMax,
    leaseMs,
    pollIntervalMs,
    handlerTimeoutMs,
    ownersLostMax,
  };
  const rebuildPorts = { ...projectionPorts, rebuilds: ports.rebuilds };
  return [
    named(COMMANDS, commandConsumer(ports, owner, settings)),
    ...ports.projections.map((projection) =>
      named(projection.name, new ProjectionRunner(projection, projectionPorts, limits)),
    ),
    ...ports.relays.map((relay) =>
      named(
        relay.name,
        new ProjectionRunner(
          relay,
          { ...projectionPorts, logger: ports.logger.child({ context: 'relays' }) },
          { ...limits, batchSizeMax: Math.min(batchSizeMax, RELAY_BATCH_SIZE_MAX) },
        ),
        false,
      ),
    ),
    named('rebuilds', new RebuildRunner(ports.projections, rebuildPorts, limits)),
  ];
}

function commandConsumer(ports: WorkerPorts, owner: string, settings: WorkerSettings): CommandConsumer {
  const consumerPorts: CommandConsumerPorts = {
    ...ports,
    queue: ports.commandQueue,
    store: ports.commandStore,
    logger: ports.logger.child({ context: 'commands' }),
  };
  return new CommandConsumer(consumerPorts, {
    owner,
    concurrencyMax: settings.commandsMax,
    leaseMs: settings.commandLeaseMs,
    attemptsMax: settings.commandAttemptsMax,
    pollIntervalMs: settings.pollIntervalMs,
  });
}
