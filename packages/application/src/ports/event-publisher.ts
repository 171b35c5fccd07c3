// Tells other systems about events.
import type { LoggedEvent } from '../events/event.ts';
import { port } from '../port.ts';

export interface EventPublisher {
  /**
   * Publishes the parts of events as NormalisedEvents, those of a stream in the given order; hand events in as the log
   * gives them. When the promise resolves, the bus has taken all of them. EventsNotPublished names those that it has
   * not taken as far as we know; no later event of their streams was sent. Publishing the same events again is safe:
   * receivers see an event at least once, always under the same `event_id`. Throws InvalidInput
   * `messaging.event-too-large` before anything is sent, and Misconfigured when no bus is set.
   */
  publish(events: readonly LoggedEvent[]): Promise<void>;
}
export const EventPublisher = port<EventPublisher>('EventPublisher');
