// Publishes events to Amazon EventBridge.
import type { EventBridgeClient, PutEventsCommandOutput, PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import {
  EventsNotPublished,
  type EventPublisher,
  type LoggedEvent,
  type UnpublishedEvent,
} from '@groundwork/application';
import { messageOf, requestsOf, type Message } from './messages.ts';

// The SDK waits for ever by default.
const CONNECTION_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 10_000;

export interface EventBridgeSettings {
  readonly region: string;
  /** The name or the ARN of the bus. */
  readonly bus: string;
  /** Instead of AWS's own address of the region. */
  readonly endpoint?: string | undefined;
}

interface Bridge {
  readonly client: EventBridgeClient;
  put(entries: PutEventsRequestEntry[]): Promise<PutEventsCommandOutput>;
}

/** One request after the other, and none after one that failed. The AWS SDK is loaded when the first is sent. */
export class EventBridgePublisher implements EventPublisher {
  readonly #settings: EventBridgeSettings;
  #bridge: Promise<Bridge> | undefined;

  constructor(settings: EventBridgeSettings) {
    this.#settings = settings;
  }

  async publish(events: readonly LoggedEvent[]): Promise<void> {
    const requests = requestsOf(
      events.flatMap(({ parts }) => parts.map((part) => messageOf(part, this.#settings.bus))),
    );
    for (const [index, messages] of requests.entries()) {
      const { failed, cause } = await this.#send(messages);
      if (failed.length === 0) continue;
      const behind = requests.slice(index + 1).flatMap((later) => later.map(({ eventId }) => eventId));
      const untried = new Set(behind.filter((id) => failed.every(({ eventId }) => eventId !== id)));
      throw new EventsNotPublished(failed, [...untried], { cause });
    }
  }

  async close(): Promise<void> {
    (await this.#bridge)?.client.destroy();
  }

  async #send(messages: readonly Message[]): Promise<{ failed: readonly UnpublishedEvent[]; cause?: unknown }> {
    const { put } = await (this.#bridge ??= connected(this.#settings));
    try {
      const { Entries: answers = [] } = await put(messages.map(({ entry }) => entry));
      // Taken is what the bus has given an id of its own.
      const failed = messages.flatMap(({ eventId }, index) => {
        const { EventId, ErrorCode = 'NoAnswer', ErrorMessage = 'the bus did not say why' } = answers[index] ?? {};
        return EventId === undefined ? [{ eventId, reason: `${ErrorCode}: ${ErrorMessage}` }] : [];
      });
      return { failed };
    } catch (cause) {
      const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
      return { failed: messages.map(({ eventId }) => ({ eventId, reason })), cause };
    }
  }
}

async function connected({ region, endpoint }: EventBridgeSettings): Promise<Bridge> {
  const { EventBridgeClient, PutEventsCommand } = await import('@aws-sdk/client-eventbridge');
  const client = new EventBridgeClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  });
  return { client, put: (entries) => client.send(new PutEventsCommand({ Entries: entries })) };
}
