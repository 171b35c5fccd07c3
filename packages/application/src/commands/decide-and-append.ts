// Load, decide, append; and when somebody was faster, decide again on what they left behind.
import { streamName, type Decider, type DomainEvent, type StreamId } from '@groundwork/domain';
import { PreconditionFailed, VersionConflict } from '../errors.ts';
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
  readonly read?: (recorded: RecordedEvent) => Event;
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

async function decideOnce<Command, State, Event extends DomainEvent>(
  events: EventStore,
  decision: Decision<Command, State, Event>,
  context: CommandContext,
): Promise<Appended> {
  const { decider, stream, command, write } = decision;
  const { state, head, repeated } = await heardOf(events, context, decision);
  if (repeated !== undefined) return { ...repeated, repeated: true };
  refuseOtherVersion(stream, context.ifMatch, head.streamVersion);
  const decided = decider.decide(command, state);
  if (decided.length === 0) return { ...head, repeated: false };
  return events.append({
    tenant: context.tenant,
    stream,
    expected: head.streamVersion,
    events: decided.map((event, index) => eventOfCommand(event, index, context, write?.(event, state))),
  });
}

type Place = Pick<RecordedEvent, 'streamVersion' | 'position'>;

interface Heard<State> {
  readonly state: State;
  /** Where the stream ends. */
  readonly head: Place;
  /** The last event of the stream that this very command, or another with the same fact, has led to. */
  readonly repeated: Place | undefined;
}

/** Folds the stream while it is read: however long it is, no more than one event is held. */
async function heardOf<State, Event extends DomainEvent>(
  events: EventStore,
  { tenant, commandId }: CommandContext,
  decision: Pick<Decision<never, State, Event>, 'stream' | 'read' | 'factId'> & {
    readonly decider: Pick<Decider<never, State, Event>, 'initialState' | 'evolve'>;
  },
): Promise<Heard<State>> {
  const { decider, stream, read = asStored as (recorded: RecordedEvent) => Event, factId } = decision;
  let state = decider.initialState;
  let head: Place = { streamVersion: 0, position: 0n };
  let repeated: Place | undefined;
  for await (const recorded of events.readStream(tenant, stream)) {
    head = { streamVersion: recorded.streamVersion, position: recorded.position };
    if (recorded.metadata.causationId === commandId || recorded.id === factId) repeated = head;
    if (repeated === undefined) state = decider.evolve(state, read(recorded));
  }
  return { state, head, repeated };
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

const asStored = (recorded: RecordedEvent): DomainEvent => ({ type: recorded.type, data: recorded.data });
