// An event in the words that other systems read: one flat form, whatever the stream.
import { messageId, type OutgoingMessage } from '../ports/message-destination.ts';
import type { ValidationInfo } from './event.ts';

/** The names are those of the view `groundwork.recorded_event`. */
export interface NormalisedEvent {
  /**
   * The id of the message, too: the same event is the same message however often it is published. Parts of an event
   * behind the first have their place added to its id: `<id>.1`.
   */
  readonly event_id: string;
  readonly aggregate_type: string;
  readonly aggregate_id: string;
  readonly event_type: string;
  /** When it happened, ISO 8601 in UTC. */
  readonly timestamp: string;
  /** The schema version of `data`. */
  readonly version: number;
  /** In today's schema; `JSON.stringify` writes its numbers digit for digit. */
  readonly data: unknown;
  readonly validation_info: ValidationInfo | null;
  readonly tenant: string;
  /** Leads back to the request behind the event, its commands and its lines in the logs. */
  readonly correlation_id: string;
}

export const normalisedEvent = (event: Omit<OutgoingMessage, 'context'>): NormalisedEvent => ({
  event_id: messageId(event),
  aggregate_type: event.stream.type,
  aggregate_id: event.stream.id,
  event_type: event.type,
  timestamp: event.occurredAt.toISOString(),
  version: event.schemaVersion,
  data: event.data,
  validation_info: event.validation ?? null,
  tenant: event.tenant,
  correlation_id: event.metadata.correlationId,
});
