// The model behind a type of stream, so that every state it had can be shown.
import type { Decider, DomainEvent } from '@groundwork/domain';
import type { RecordedEvent } from '../events/event.ts';
import { port } from '../port.ts';

/** How the streams of one type are replayed. Multi-bound; one for each type of stream, at most. */
export interface StreamModel {
  /** The first part of the stream's name: `client`. */
  readonly streamType: string;
  readonly initialState: unknown;
  evolve(state: unknown, event: RecordedEvent): unknown;
}
export const StreamModel = port<StreamModel>('StreamModel');

/** The model of a decider; `read` gives a recorded event as the decider knows it, as for `decideAndAppend`. */
export const streamModel = <Command, State, Event extends DomainEvent>(
  streamType: string,
  decider: Decider<Command, State, Event>,
  read: (event: RecordedEvent) => Event,
): StreamModel => ({
  streamType,
  initialState: decider.initialState,
  evolve: (state, event) => decider.evolve(state as State, read(event)),
});
