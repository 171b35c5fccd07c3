// Somebody in this process who wants to hear of new events at once, and can do without those of the past.
import type { RecordedEvent } from '../events/event.ts';
import { port } from '../port.ts';

/**
 * Multi-bound; fed by a pump of the worker where GW_PUMPS allows it. A pump remembers its position as long as the
 * process lives: what must not be missed is work for a projection and its follow-ups.
 */
export interface EventSubscriber {
  /** `context.noun`, such as `clients.live-map`. */
  readonly name: string;
  readonly eventTypes: readonly string[];
  /** Events of all tenants in the order of the log. A batch whose promise rejects comes again as it was. */
  handle(events: readonly RecordedEvent[]): Promise<void>;
}
export const EventSubscriber = port<EventSubscriber>('EventSubscriber');
