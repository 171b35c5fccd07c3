// Machines are placed in rooms and given back: a complete small model with its list.
import type { Projection } from '@groundwork/application';
import { Refusal, type Decider, type DomainEvent } from '@groundwork/domain';

// #region decider
type MachinePlaced = DomainEvent<'MachinePlaced', { room: string }>;
type MachineReturned = DomainEvent<'MachineReturned', { reason: string }>;
type MachineEvent = MachinePlaced | MachineReturned;

type Machine = { status: 'free' } | { status: 'placed'; room: string };
type MachineCommand = { type: 'place'; room: string } | { type: 'return'; reason: string };

export const machine: Decider<MachineCommand, Machine, MachineEvent> = {
  initialState: { status: 'free' },
  decide(command, state) {
    if (command.type === 'return') {
      return state.status === 'free' ? [] : [{ type: 'MachineReturned', data: { reason: command.reason } }];
    }
    if (state.status === 'placed' && state.room !== command.room) {
      throw new Refusal('machine.in-use', `The machine stands in ${state.room}.`, 'Return it first, then place it.');
    }
    return state.status === 'placed' ? [] : [{ type: 'MachinePlaced', data: { room: command.room } }];
  },
  evolve(_state, event) {
    return event.type === 'MachinePlaced' ? { status: 'placed', room: event.data.room } : { status: 'free' };
  },
};
// #endregion

export const machineList: Projection = {
  name: 'machines.machine-list',
  schemaVersion: 1,
  table: { schema: 'machines', name: 'machine', key: 'machine_id', columns: { machine_id: 'text', room: 'text' } },
  eventTypes: ['MachinePlaced', 'MachineReturned'],
  keyOf: (event) => event.stream.id,
  apply(_row, event) {
    const room = event.type === 'MachinePlaced' ? (event.data as MachinePlaced['data']).room : null;
    return { machine_id: event.stream.id, room };
  },
};
