// Aggregates whose truth is their events: the state is a replay.
import { replay, streamId, type DomainEvent, type TenantId } from '@groundwork/domain';
import type { CommandContext } from '../commands/command-context.ts';
import { refuseOtherVersion } from '../events/event-forms.ts';
import { eventOfCommand } from '../events/events-of-command.ts';
import type { AggregateChange, AggregateStore, LoadedAggregate } from '../ports/aggregate-store.ts';
import type { Appended, EventStore, Snapshot } from '../ports/event-store.ts';
import { loadStream, type EventSourcedModel } from './load-stream.ts';

/** One command may save one of these aggregates: its event ids follow from the command's id. */
export class EventSourcedAggregates<State, Event extends DomainEvent> implements AggregateStore<State, Event> {
  readonly #events: EventStore;
  readonly #streamType: string;
  readonly #model: EventSourcedModel<State, Event>;

  constructor(events: EventStore, streamType: string, model: EventSourcedModel<State, Event>) {
    this.#events = events;
    this.#streamType = streamType;
    this.#model = model;
  }

  async load(tenant: TenantId, id: string): Promise<LoadedAggregate<State>> {
    const stream = streamId(this.#streamType, id);
    const { state, streamVersion } = await loadStream(this.#events, tenant, stream, this.#model);
    return { state, streamVersion };
  }

  async save(
    tenant: TenantId,
    id: string,
    change: AggregateChange<State, Event>,
    context: CommandContext,
  ): Promise<Appended> {
    const stream = streamId(this.#streamType, id);
    if (change.events.length === 0) {
      const { streamVersion } = await this.load(tenant, id);
      refuseOtherVersion(stream, change.expected, streamVersion);
      return { streamVersion, position: 0n, repeated: false };
    }
    const snapshot = await this.#snapshotBehind(tenant, id, change);
    return this.#events.append({
      tenant,
      stream,
      expected: change.expected,
      events: change.events.map((event, index) => eventOfCommand(event, index, context)),
      ...(snapshot === undefined ? {} : { snapshot }),
    });
  }

  /**
   * What is kept is a replay, not what the caller says about the state: the present state is loaded once more, which
   * costs about one event for each event that is stored.
   */
  async #snapshotBehind(
    tenant: TenantId,
    id: string,
    { expected, events }: AggregateChange<State, Event>,
  ): Promise<Snapshot | undefined> {
    const { snapshots } = this.#model;
    const before = expected === 'no-stream' ? 0 : expected;
    if (typeof before !== 'number' || snapshots?.isDue(before, before + events.length) !== true) return undefined;
    const { state, streamVersion } = await this.load(tenant, id);
    return streamVersion === before ? snapshots.of(replay(this.#model, events, state)) : undefined;
  }
}
