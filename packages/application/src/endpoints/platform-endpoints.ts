// What the platform itself offers over HTTP, whatever contexts it carries.
import type { Commands } from '../commands/submit-command.ts';
import type { StreamModel } from '../lineage/stream-model.ts';
import type { HandlerLimit } from '../lineage/stream-replay.ts';
import type { Access } from '../ports/access.ts';
import type { Clock } from '../ports/clock.ts';
import type { CommandStore } from '../ports/command-store.ts';
import type { LogSignal } from '../ports/event-log.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { DeadLetters, ProjectionStore } from '../ports/projection-store.ts';
import type { ReadModels } from '../ports/read-models.ts';
import type { Rebuilds } from '../ports/rebuilds.ts';
import type { Projection } from '../projections/projection.ts';
import type { Relays } from '../relays/relay.ts';
import { commandEndpoints } from './command-endpoints.ts';
import { getCorrelation } from './correlation-endpoints.ts';
import { deadLetterEndpoints } from './dead-letter-endpoints.ts';
import type { Endpoint } from './endpoint.ts';
import { eventEndpoints } from './event-endpoints.ts';
import { projectionEndpoints, relayEndpoints } from './projection-endpoints.ts';
import { getRowLineage } from './row-lineage-endpoints.ts';
import { postStreamRebuild } from './stream-rebuild-endpoints.ts';
import { getStreamStates } from './stream-state-endpoints.ts';
import { rebuildEndpoints } from './rebuild-endpoints.ts';

export interface PlatformPorts extends HandlerLimit {
  readonly events: EventStore;
  readonly commands: CommandStore;
  readonly submissions: Commands;
  readonly signal: LogSignal;
  readonly projectionStore: ProjectionStore;
  readonly rebuilds: Rebuilds;
  readonly deadLetters: DeadLetters;
  readonly projections: readonly Projection[];
  readonly relays: Relays;
  readonly models: readonly StreamModel[];
  readonly readModels: ReadModels;
  readonly access: Access;
  readonly clock: Clock;
}

/** Events, commands, projections, dead letters, and how one led to the other; `platformRoles` say who may use them. */
export function platformEndpoints(ports: PlatformPorts): readonly Endpoint[] {
  const { events, commands, signal, projectionStore: store, deadLetters, projections, models, readModels } = ports;
  const { rebuilds, submissions, access, clock, timeLimit, handlerTimeoutMs } = ports;
  return [
    ...commandEndpoints(commands, access),
    ...eventEndpoints(events, signal),
    ...projectionEndpoints({ projections, store, deadLetters, signal, clock }),
    ...relayEndpoints({ relays: ports.relays, store, deadLetters, signal, clock }),
    ...rebuildEndpoints({ projections, rebuilds, clock }),
    postStreamRebuild(submissions, projections),
    ...deadLetterEndpoints(deadLetters),
    getCorrelation(commands, events),
    getStreamStates({ events, models, projections, timeLimit, handlerTimeoutMs }),
    getRowLineage({ projections, events, readModels, commands, timeLimit, handlerTimeoutMs }),
  ];
}
