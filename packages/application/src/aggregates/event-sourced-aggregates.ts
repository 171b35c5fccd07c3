// Aggregates whose truth is their events: the state is a replay.
import { streamId, type Decider, type DomainEvent, type TenantId } from '@groundwork/domain';
import type { CommandContext } from '../commands/command-context.ts';
import type { RecordedEvent } from '../events/event.ts';
import { refuseOtherVersion } from '../events/event-forms.ts';
import { eventOfCommand } from '../events/events-of-command.ts';
import type { AggregateChange, AggregateStore, LoadedAggregate } from '../ports/aggregate-store.ts';
import type { Appended, EventStore } from '../ports/event-store.ts';

/** One command may save one of these aggregates: its event ids follow from the command's id. */
export class EventSourcedAggregates<State, Event extends DomainEvent> implements AggregateStore<State, Event> {
  readonly #events: EventStore;
  readonly #streamType: string;
  readonly #model: Pick<Decider<never, State, Event>, 'initialState' | 'evolve'>;
  readonly #read: (recorded: RecordedEvent) => Event;

  /** `read` turns a stored event into one that `evolve` understands; by default type and data are taken as they are. */
  constructor(
    events: EventStore,
    streamType: string,
    model: Pick<Decider<never, State, Event>, 'initialState' | 'evolve'>,
    read: (recorded: RecordedEvent) => Event = asStored,
  ) {
    this.#events = events;
    this.#streamType = streamType;
    this.#model = model;
    this.#read = read;
  }

  async load(tenant: TenantId, id: string): Promise<LoadedAggregate<State>> {
    let loaded: LoadedAggregate<State> = { state: this.#model.initialState, streamVersion: 0 };
    for await (const recorded of this.#events.readStream(tenant, streamId(this.#streamType, id))) {
      const state = this.#model.evolve(loaded.state, this.#read(recorded));
      loaded = { state, streamVersion: recorded.streamVersion };
    }
    return loaded;
  }

  async save(
    tenant: TenantId,
    id: string,
    change: AggregateChange<State, Event>,
    context: CommandContext,
  ): Promise<Appended> {
    if (change.events.length === 0) {
      const { streamVersion } = await this.load(tenant, id);
      refuseOtherVersion(streamId(this.#streamType, id), change.expected, streamVersion);
      return { streamVersion, position: 0n, repeated: false };
    }
    return this.#events.append({
      tenant,
      stream: streamId(this.#streamType, id),
      expected: change.expected,
      events: change.events.map((event, index) => eventOfCommand(event, index, context)),
    });
  }
}

function asStored<Event extends DomainEvent>(recorded: RecordedEvent): Event {
  return { type: recorded.type, data: recorded.data } as unknown as Event;
}
