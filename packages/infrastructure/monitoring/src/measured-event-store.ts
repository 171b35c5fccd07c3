// Counts what is appended and how often somebody else was faster.
import {
  VersionConflict,
  type Append,
  type Appended,
  type Counter,
  type EventQuery,
  type EventStore,
  type FromSnapshot,
  type Metrics,
  type LoggedEvent,
  type SchemaVersions,
  type StreamRange,
} from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';

/** `groundwork_events_appended_total` grows only for events that are new in the log. */
export class MeasuredEventStore implements EventStore {
  readonly #store: EventStore;
  readonly #appended: Counter;
  readonly #conflicts: Counter;

  constructor(store: EventStore, metrics: Metrics) {
    this.#store = store;
    this.#appended = metrics.counter('groundwork_events_appended_total', 'Events stored in the log.', ['stream_type']);
    this.#conflicts = metrics.counter('groundwork_append_conflicts_total', 'Appends that lost a race.', [
      'stream_type',
    ]);
  }

  async append(append: Append): Promise<Appended> {
    const labels = { stream_type: append.stream.type };
    try {
      const appended = await this.#store.append(append);
      if (!appended.repeated) this.#appended.add(append.events.length, labels);
      return appended;
    } catch (error) {
      if (error instanceof VersionConflict) this.#conflicts.add(1, labels);
      throw error;
    }
  }

  readStream(tenant: TenantId, stream: StreamId, range?: StreamRange): AsyncIterable<LoggedEvent> {
    return this.#store.readStream(tenant, stream, range);
  }

  readFromSnapshot(tenant: TenantId, stream: StreamId, schemaVersions: SchemaVersions): Promise<FromSnapshot> {
    return this.#store.readFromSnapshot(tenant, stream, schemaVersions);
  }

  query(tenant: TenantId, query: EventQuery): Promise<readonly LoggedEvent[]> {
    return this.#store.query(tenant, query);
  }
}
