// Decisions as sentences: given what happened, when this is asked, then that follows.
import { describe, expect, it } from '@jest/globals';
import type { Snapshots } from '@groundwork/application';
import { Refusal, replay, type Decider, type DomainEvent } from '@groundwork/domain';
import fc, { type Arbitrary } from 'fast-check';

export interface When<Command, Event extends DomainEvent> {
  when(command: Command): Then<Event>;
}

export interface Then<Event extends DomainEvent> {
  /** Exactly these events follow, in this order. */
  then(...events: readonly Event[]): void;
  /** The command is refused with this code. */
  thenRefused(code: string): void;
  /** Nothing follows: there is nothing left to do. */
  thenNothing(): void;
}

/** `given(client, registered).when({ … }).then({ type: 'ClientRenamed', data: { … } })` */
export function given<Command, State, Event extends DomainEvent>(
  decider: Decider<Command, State, Event>,
  ...history: readonly Event[]
): When<Command, Event> {
  return {
    when(command) {
      const decide = (): readonly Event[] => decider.decide(command, replay(decider, history));
      return {
        then: (...events) => expect(decide()).toEqual(events),
        thenNothing: () => expect(decide()).toEqual([]),
        thenRefused: (code) => expect(outcomeOf(decide)).toMatchObject({ code }),
      };
    },
  };
}

/**
 * Two laws that hold for every decider, tried with arbitrary histories of commands: a replay of the events gives the
 * same state as the decisions did, and of a command that is repeated at once nothing follows (it may be refused).
 */
export function describeDeciderLaws<Command, State, Event extends DomainEvent>(
  name: string,
  decider: Decider<Command, State, Event>,
  commands: Arbitrary<Command>,
): void {
  describe(`${name} keeps the laws of deciders`, () => {
    it('replay gives the same state', () => {
      fc.assert(
        fc.property(fc.array(commands, { maxLength: 30 }), (asked) => {
          let state = decider.initialState;
          const history: Event[] = [];
          for (const command of asked) {
            const events = eventsOf(decider, command, state);
            history.push(...events);
            state = replay(decider, events, state);
          }
          const stored = JSON.parse(JSON.stringify(history)) as Event[];
          expect(replay(decider, stored)).toEqual(state);
        }),
      );
    });

    it('a repeated command has no second effect', () => {
      fc.assert(
        fc.property(fc.array(commands, { minLength: 1, maxLength: 30 }), (asked) => {
          let state = decider.initialState;
          for (const command of asked) {
            state = replay(decider, eventsOf(decider, command, state), state);
            expect(eventsOf(decider, command, state)).toEqual([]);
          }
        }),
      );
    });
  });
}

/**
 * The law of snapshots, tried with arbitrary histories: a replay that begins at a snapshot, taken anywhere and read
 * back, gives the same state as a replay of everything.
 */
export function describeSnapshotLaw<Command, State, Event extends DomainEvent>(
  name: string,
  decider: Decider<Command, State, Event>,
  snapshots: Snapshots<State>,
  commands: Arbitrary<Command>,
): void {
  it(`S1-08 a snapshot of ${name} changes nothing but the speed`, () => {
    fc.assert(
      fc.property(fc.array(commands, { maxLength: 30 }), fc.nat({ max: 30 }), (asked, taken) => {
        const history = historyOf(decider, asked);
        const snapshot = snapshots.of(replay(decider, history.slice(0, taken)));
        const kept = snapshots.stateOf(snapshot!)!.state;
        expect(replay(decider, history.slice(taken), kept)).toEqual(replay(decider, history));
      }),
    );
  });
}

/** All events that follow from these commands, one decided after the other. */
function historyOf<Command, State, Event extends DomainEvent>(
  decider: Decider<Command, State, Event>,
  asked: readonly Command[],
): readonly Event[] {
  const history: Event[] = [];
  for (const command of asked) history.push(...eventsOf(decider, command, replay(decider, history)));
  return history;
}

/** The events of a decision; none when the command is refused. */
function eventsOf<Command, State, Event extends DomainEvent>(
  decider: Decider<Command, State, Event>,
  command: Command,
  state: State,
): readonly Event[] {
  const outcome = outcomeOf(() => decider.decide(command, state));
  if (Array.isArray(outcome)) return outcome as Event[];
  if (isRefusal(outcome)) return [];
  throw outcome;
}

function outcomeOf(decide: () => unknown): unknown {
  try {
    return decide();
  } catch (error) {
    return error;
  }
}

const isRefusal = (outcome: unknown): boolean => outcome instanceof Refusal;
