// Aggregates whose truth is their state, in memory: state and events change together or not at all.
import {
  eventOfCommand,
  type AggregateChange,
  type AggregateStore,
  type Appended,
  type CommandContext,
  type EventStore,
  type LoadedAggregate,
} from '@groundwork/application';
import { streamId, type DomainEvent, type TenantId } from '@groundwork/domain';
import { savedWithoutEvents } from '../unannounced-change.ts';

export class MemoryStateAggregates<State, Event extends DomainEvent> implements AggregateStore<State, Event> {
  readonly #events: EventStore;
  readonly #streamType: string;
  readonly #initialState: State;
  readonly #stored = new Map<string, LoadedAggregate<State>>();

  constructor(events: EventStore, streamType: string, initialState: State) {
    this.#events = events;
    this.#streamType = streamType;
    this.#initialState = initialState;
  }

  async load(tenant: TenantId, id: string): Promise<LoadedAggregate<State>> {
    return this.#stored.get(`${tenant}/${id}`) ?? { state: this.#initialState, streamVersion: 0 };
  }

  async save(
    tenant: TenantId,
    id: string,
    change: AggregateChange<State, Event>,
    context: CommandContext,
  ): Promise<Appended> {
    const stream = streamId(this.#streamType, id);
    if (change.events.length === 0) return savedWithoutEvents(stream, await this.load(tenant, id), change);
    const appended = await this.#events.append({
      tenant,
      stream,
      expected: change.expected,
      events: change.events.map((event, index) => eventOfCommand(event, index, context)),
    });
    if (!appended.repeated) {
      this.#stored.set(`${tenant}/${id}`, {
        state: structuredClone(change.state),
        streamVersion: appended.streamVersion,
      });
    }
    return appended;
  }
}
