// Load, decide, append; and when somebody was faster, decide again on what they left behind.
import { replay, streamName, type Decider, type DomainEvent, type StreamId } from '@groundwork/domain';
import { loadStream, type LoadedStream } from '../aggregates/load-stream.ts';
import type { Snapshots } from '../aggregates/snapshots.ts';
import { PreconditionFailed, Unavailable, VersionConflict } from '../errors.ts';
import type { NewEvent, RecordedEvent } from '../events/event.ts';
import { eventOfCommand, type EventForm } from '../events/events-of-command.ts';
import type { Appended, EventStore } from '../ports/event-store.ts';
import type { CommandContext } from './command-context.ts';

const DECISIONS_MAX = 10;

export interface Decision<Command, State, Event extends DomainEvent> {
  readonly decider: Decider<Command, State, Event>;
  readonly stream: StreamId;
  readonly command: Command;
  /** Turns a stored event into one that `evolve` understands; by default its type and data are taken as they are. */
  readonly read?: ((recorded: RecordedEvent) => Event) | undefined;
  /** For streams that grow long. An id that `write` gives must then follow from the command, or from its fact. */
  readonly snapshots?: Snapshots<State> | undefined;
  readonly write?: (event: Event, state: State) => EventForm;
  /**
   * The id of the one event that states a fact of another system: when the stream holds it, the command repeats what
   * is known, and the first result is the answer before anything is decided.
   */
  readonly factId?: NewEvent['id'];
}

/**
 * Runs one decision on one stream. A VersionConflict means that somebody else's decision came first: it is made again
 * on the new state, at most ten times. With `context.ifMatch` the stream must be at exactly that version. No events:
 * nothing is stored and the present version is the answer.
 */
export async function decideAndAppend<Command, State, Event extends DomainEvent>(
  events: EventStore,
  decision: Decision<Command, State, Event>,
  context: CommandContext,
  onConflict: () => void = () => undefined,
): Promise<Appended> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await decideOnce(events, decision, context);
    } catch (error) {
      if (!(error instanceof VersionConflict) || attempt >= DECISIONS_MAX) throw error;
      onConflict();
    }
  }
}

/**
 * What a snapshot stands for is not read, and may hold what this very command has led to before. New events are safe:
 * the log knows them again by their ids. Any other answer is given by the whole stream.
 */
async function decideOnce<Command, State, Event extends DomainEvent>(
  events: EventStore,
  decision: Decision<Command, State, Event>,
  context: CommandContext,
): Promise<Appended> {
  const heard = await heardOf(events, decision, context);
  const answer = decideOn(events, decision, context, heard);
  if (heard.isWhole) return answer;
  try {
    const { position, ...rest } = await answer;
    if (position > heard.position || rest.repeated) return { position, ...rest };
  } catch (error) {
    if (error instanceof VersionConflict || error instanceof Unavailable) throw error;
  }
  return decideOn(events, decision, context, await heardOf(events, { ...decision, snapshots: undefined }, context));
}

async function decideOn<Command, State, Event extends DomainEvent>(
  events: EventStore,
  { decider, stream, command, snapshots, write }: Decision<Command, State, Event>,
  context: CommandContext,
  { state, streamVersion, position, repeated }: Heard<State>,
): Promise<Appended> {
  if (repeated !== undefined) return { ...repeated, repeated: true };
  refuseOtherVersion(stream, context.ifMatch, streamVersion);
  const decided = decider.decide(command, state);
  if (decided.length === 0) return { streamVersion, position, repeated: false };
  const isDue = snapshots?.isDue(streamVersion, streamVersion + decided.length) ?? false;
  const snapshot = isDue ? snapshots?.of(replay(decider, decided, state)) : undefined;
  return events.append({
    tenant: context.tenant,
    stream,
    expected: streamVersion,
    events: decided.map((event, index) => eventOfCommand(event, index, context, write?.(event, state))),
    ...(snapshot === undefined ? {} : { snapshot }),
  });
}

interface Heard<State> extends LoadedStream<State> {
  /** The last event of the stream that this very command, or another with the same fact, has led to. */
  readonly repeated: Pick<RecordedEvent, 'streamVersion' | 'position'> | undefined;
}

async function heardOf<Command, State, Event extends DomainEvent>(
  events: EventStore,
  decision: Decision<Command, State, Event>,
  { tenant, commandId }: CommandContext,
): Promise<Heard<State>> {
  const { decider, stream, read, snapshots, factId } = decision;
  let repeated: Heard<State>['repeated'];
  const model = { initialState: decider.initialState, evolve: decider.evolve, read, snapshots };
  const loaded = await loadStream(events, tenant, stream, model, (recorded) => {
    if (recorded.metadata.causationId !== commandId && recorded.id !== factId) return;
    repeated = { streamVersion: recorded.streamVersion, position: recorded.position };
  });
  return { ...loaded, repeated };
}

function refuseOtherVersion(stream: StreamId, ifMatch: number | undefined, actual: number): void {
  if (ifMatch === undefined || ifMatch === actual) return;
  throw new PreconditionFailed(
    'command.precondition-failed',
    `${streamName(stream)} is at version ${actual}, not ${ifMatch}.`,
    'Read it again, look at what changed, and send the command with the new ETag.',
    { currentVersion: actual },
  );
}
