// The state of one stream: the newest snapshot that can be used, and the events behind it.
import type { DomainEvent, StreamId, TenantId } from '@groundwork/domain';
import type { LoggedEvent, RecordedEvent } from '../events/event.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { Snapshots } from './snapshots.ts';

/** How a state follows from the events of a stream. */
export interface EventSourcedModel<State, Event extends DomainEvent> {
  readonly initialState: State;
  evolve(state: State, event: Event): State;
  /** Turns a stored event into one that `evolve` understands; by default its type and data are taken as they are. */
  readonly read?: ((recorded: RecordedEvent) => Event) | undefined;
  /** Without it every load reads the whole stream. */
  readonly snapshots?: Snapshots<State> | undefined;
}

export interface LoadedStream<State> {
  readonly state: State;
  /** 0 for a stream without events. */
  readonly streamVersion: number;
  /** Of the last event; 0n for a stream without events. */
  readonly position: bigint;
  /** False when a snapshot stood for the first events: they were not read. */
  readonly isWhole: boolean;
}

/** Folds the events while they are read: however long the stream is, no more than a page of it is held. */
export async function loadStream<State, Event extends DomainEvent>(
  events: EventStore,
  tenant: TenantId,
  stream: StreamId,
  model: EventSourcedModel<State, Event>,
  onEvent: (logged: LoggedEvent) => void = () => undefined,
): Promise<LoadedStream<State>> {
  const { read = asStored as (recorded: RecordedEvent) => Event } = model;
  const { loaded, later } = await beginning(events, tenant, stream, model);
  let { state, streamVersion, position } = loaded;
  for await (const logged of later) {
    onEvent(logged);
    for (const recorded of logged.parts) state = model.evolve(state, read(recorded));
    ({ streamVersion, position } = logged);
  }
  return { state, streamVersion, position, isWhole: loaded.isWhole };
}

interface Beginning<State> {
  readonly loaded: LoadedStream<State>;
  readonly later: AsyncIterable<LoggedEvent>;
}

async function beginning<State>(
  events: EventStore,
  tenant: TenantId,
  stream: StreamId,
  { initialState, snapshots }: Pick<EventSourcedModel<State, never>, 'initialState' | 'snapshots'>,
): Promise<Beginning<State>> {
  const nothing: LoadedStream<State> = { state: initialState, streamVersion: 0, position: 0n, isWhole: true };
  if (snapshots === undefined) return { loaded: nothing, later: events.readStream(tenant, stream) };
  const { snapshot, later } = await events.readFromSnapshot(tenant, stream, snapshots.schemaVersions);
  if (snapshot === undefined) return { loaded: nothing, later };
  const kept = snapshots.stateOf(snapshot);
  if (kept === undefined) return { loaded: nothing, later: events.readStream(tenant, stream) };
  const { streamVersion, position } = snapshot;
  return { loaded: { state: kept.state, streamVersion, position, isWhole: false }, later };
}

const asStored = (recorded: RecordedEvent): DomainEvent => ({ type: recorded.type, data: recorded.data });
