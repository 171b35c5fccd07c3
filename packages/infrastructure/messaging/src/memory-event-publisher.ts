// The twin of the event bus for tests and development: what is published is only remembered.
import { normalisedEvent, type EventPublisher, type NormalisedEvent, type LoggedEvent } from '@groundwork/application';

export class MemoryEventPublisher implements EventPublisher {
  /** Everything since the publisher was made, in this order. */
  readonly published: NormalisedEvent[] = [];

  async publish(events: readonly LoggedEvent[]): Promise<void> {
    this.published.push(...events.flatMap(({ parts }) => parts).map(normalisedEvent));
  }
}
