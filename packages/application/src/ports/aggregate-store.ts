// One door for both families of aggregates: those whose truth is their events and those whose truth is their state.
import type { DomainEvent, TenantId } from '@groundwork/domain';
import type { CommandContext } from '../commands/command-context.ts';
import type { Appended, ExpectedVersion } from './event-store.ts';

export interface LoadedAggregate<State> {
  readonly state: State;
  /** 0 for an aggregate that does not exist yet. */
  readonly streamVersion: number;
}

/** What a decision makes of an aggregate. */
export interface AggregateChange<State, Event extends DomainEvent> {
  readonly expected: ExpectedVersion;
  readonly events: readonly Event[];
  readonly state: State;
}

export interface AggregateStore<State, Event extends DomainEvent = DomainEvent> {
  load(tenant: TenantId, id: string): Promise<LoadedAggregate<State>>;
  /**
   * Stores state and events in one atomic step: both or neither. Throws VersionConflict when the aggregate is not at
   * `expected`. Saving without events stores nothing and answers position 0; a state that changed without an event is
   * refused (Misconfigured `aggregate.unannounced-change`) by the stores that keep states.
   */
  save(tenant: TenantId, id: string, change: AggregateChange<State, Event>, context: CommandContext): Promise<Appended>;
}
