// An event-sourced model as three pure pieces (Chassaing, "Functional Event Sourcing Decider", 2021).
import type { DomainEvent } from './domain-event.ts';

/**
 * `decide` answers a command with the events that follow from it, none when there is nothing left to do, or throws a
 * Refusal. `evolve` folds one event into the state and never fails. Both are pure: time, ids and chance arrive in the
 * command.
 */
export interface Decider<Command, State, Event extends DomainEvent = DomainEvent> {
  readonly initialState: State;
  decide(command: Command, state: State): readonly Event[];
  evolve(state: State, event: Event): State;
}

/** The state after `events`, starting at `from`. */
export function replay<State, Event extends DomainEvent>(
  decider: Pick<Decider<never, State, Event>, 'initialState' | 'evolve'>,
  events: Iterable<Event>,
  from: State = decider.initialState,
): State {
  let state = from;
  for (const event of events) state = decider.evolve(state, event);
  return state;
}
