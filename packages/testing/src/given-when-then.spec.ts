// given/when/then and the laws, on a door that opens and closes.
import { describe, expect, it } from '@jest/globals';
import { Refusal, type Decider, type DomainEvent } from '@groundwork/domain';
import fc from 'fast-check';
import { describeDeciderLaws, given } from './given-when-then.ts';

type DoorEvent = DomainEvent<'DoorOpened', { by: string }> | DomainEvent<'DoorClosed', Record<string, never>>;
type DoorCommand = { readonly ask: 'open'; readonly by: string } | { readonly ask: 'close' };

const door: Decider<DoorCommand, { isOpen: boolean }, DoorEvent> = {
  initialState: { isOpen: false },
  decide(command, { isOpen }) {
    if (command.ask === 'close') return isOpen ? [{ type: 'DoorClosed', data: {} }] : [];
    if (command.by === '') throw new Refusal('door.nobody', 'Nobody opens the door.', 'Say who does.');
    return isOpen ? [] : [{ type: 'DoorOpened', data: { by: command.by } }];
  },
  evolve: (_state, event) => ({ isOpen: event.type === 'DoorOpened' }),
};
const opened: DoorEvent = { type: 'DoorOpened', data: { by: 'ada' } };
const closed: DoorEvent = { type: 'DoorClosed', data: {} };

describe('given, when, then', () => {
  it('compares the events that follow', () => {
    given(door).when({ ask: 'open', by: 'ada' }).then(opened);
    given(door, opened).when({ ask: 'close' }).then(closed);
    given(door, opened, closed).when({ ask: 'close' }).thenNothing();
    expect(() => given(door).when({ ask: 'open', by: 'bob' }).then(opened)).toThrow();
    expect(() => given(door).when({ ask: 'open', by: 'ada' }).thenNothing()).toThrow();
  });

  it('compares the code of a refusal', () => {
    given(door).when({ ask: 'open', by: '' }).thenRefused('door.nobody');
    expect(() => given(door).when({ ask: 'open', by: '' }).thenRefused('door.other')).toThrow();
    expect(() => given(door).when({ ask: 'open', by: 'ada' }).thenRefused('door.nobody')).toThrow();
  });
});

const asked = fc.oneof(
  fc.record({ ask: fc.constant('open' as const), by: fc.string() }),
  fc.record({ ask: fc.constant('close' as const) }),
);
describeDeciderLaws('door', door, asked);
