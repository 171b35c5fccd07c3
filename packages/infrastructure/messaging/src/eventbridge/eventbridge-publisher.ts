// Publishes events and messages to Amazon EventBridge.
import type { EventBridgeClient, PutEventsCommandOutput, PutEventsRequestEntry } from '@aws-sdk/client-eventbridge';
import {
  EventsNotPublished,
  InvalidInput,
  messageId,
  Refused,
  RetryExhausted,
  type EventPublisher,
  type LoggedEvent,
  type MessageDestination,
  type OutgoingMessage,
  type Policy,
  type Resilience,
  type UnpublishedEvent,
  type UnsentMessage,
} from '@groundwork/application';
import { messageOf, orderKeyOf, requestsOf, type Message } from './messages.ts';
import { isRefusedEntry, isRefusedRequest } from './refusals.ts';

// The SDK waits for ever by default.
const CONNECTION_TIMEOUT_MS = 2_000;

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

/** What the bus has said about the entries that it has not taken. */
interface Answer {
  readonly failed: readonly (UnpublishedEvent & { readonly isRefused: boolean })[];
  readonly cause?: unknown;
}

/** One request after the other. The AWS SDK is loaded when the first is sent. */
export class EventBridgePublisher implements EventPublisher, MessageDestination {
  readonly name = 'eventbridge';
  readonly #settings: EventBridgeSettings;
  readonly #policy: Policy;
  #bridge: Promise<Bridge> | undefined;

  constructor(settings: EventBridgeSettings, resilience: Resilience) {
    this.#settings = settings;
    this.#policy = resilience.policyFor('eventbridge');
  }

  /** After a request that failed nothing more is sent. */
  async publish(events: readonly LoggedEvent[]): Promise<void> {
    const requests = requestsOf(
      events.flatMap(({ parts }) => parts.map((part) => messageOf(part, this.#settings.bus))),
    );
    for (const [index, messages] of requests.entries()) {
      const { failed, cause } = await this.#put(messages);
      if (failed.length === 0) continue;
      const behind = requests.slice(index + 1).flatMap((later) => later.map(({ eventId }) => eventId));
      const untried = new Set(behind.filter((id) => failed.every(({ eventId }) => eventId !== id)));
      const named = failed.map(({ eventId, reason }) => ({ eventId, reason }));
      throw new EventsNotPublished(named, [...untried], { cause });
    }
  }

  /** After a failure that passes nothing more is sent; what is refused holds back its own stream only. */
  async send(messages: readonly OutgoingMessage[]): Promise<readonly UnsentMessage[]> {
    const { messages: sendable, unsent } = this.#sendable(messages);
    const held = new Set<string>();
    let isOver = false;
    for (const request of requestsOf(sendable)) {
      const open = isOver ? [] : request.filter(({ orderKey }) => !held.has(orderKey));
      unsent.push(...request.filter((one) => !open.includes(one)).map(({ eventId }) => untried(eventId)));
      if (open.length === 0) continue;
      const { failed, cause } = await this.#put(open);
      for (const { eventId, reason, isRefused } of failed) {
        unsent.push({ messageId: eventId, cause: notTaken(reason, cause), isRefused });
        held.add(open.find((one) => one.eventId === eventId)!.orderKey);
      }
      isOver ||= failed.some(({ isRefused }) => !isRefused);
    }
    return unsent;
  }

  async close(): Promise<void> {
    (await this.#bridge?.catch(() => undefined))?.client.destroy();
  }

  /** A message that no request can hold is refused, and what is behind it in its stream waits. */
  #sendable(messages: readonly OutgoingMessage[]): { messages: readonly Message[]; unsent: UnsentMessage[] } {
    const unsent: UnsentMessage[] = [];
    const held = new Set<string>();
    const sendable = messages.flatMap((message) => {
      if (held.has(orderKeyOf(message))) {
        unsent.push(untried(messageId(message)));
        return [];
      }
      try {
        return [messageOf(message, this.#settings.bus)];
      } catch (cause) {
        if (!(cause instanceof InvalidInput)) throw cause;
        held.add(orderKeyOf(message));
        unsent.push({ messageId: messageId(message), cause, isRefused: true });
        return [];
      }
    });
    return { messages: sendable, unsent };
  }

  #connected(): Promise<Bridge> {
    return connected(this.#settings, this.#policy).catch((error: unknown) => {
      this.#bridge = undefined;
      throw error;
    });
  }

  async #put(messages: readonly Message[]): Promise<Answer> {
    const { put } = await (this.#bridge ??= this.#connected());
    try {
      const { Entries: answers = [] } = await put(messages.map(({ entry }) => entry));
      // Taken is what the bus has given an id of its own.
      const failed = messages.flatMap(({ eventId }, index) => {
        const { EventId, ErrorCode, ErrorMessage = 'the bus did not say why' } = answers[index] ?? {};
        if (EventId !== undefined) return [];
        const isRefused = ErrorCode !== undefined && isRefusedEntry(ErrorCode);
        return [{ eventId, reason: `${ErrorCode ?? 'NoAnswer'}: ${ErrorMessage}`, isRefused }];
      });
      return { failed };
    } catch (cause) {
      const last = cause instanceof RetryExhausted ? cause.cause : cause;
      const reason = last instanceof Error ? `${last.name}: ${last.message}` : String(last);
      const isRefused = isRefusedRequest(cause);
      return { failed: messages.map(({ eventId }) => ({ eventId, reason, isRefused })), cause };
    }
  }
}

/** Told to operators: what AWS says of an entry names no payload. */
const notTaken = (reason: string, cause: unknown): Refused =>
  new Refused(
    'messaging.entry-refused',
    `PutEvents answered ${reason}`,
    "See the error codes of PutEvents in EventBridge's documentation.",
    {},
    { cause },
  );

const untried = (id: string): UnsentMessage => ({ messageId: id, cause: undefined, isRefused: false });

/** Repeated and ended by the policy: receivers know a repeated message by its id. */
async function connected({ region, endpoint }: EventBridgeSettings, policy: Policy): Promise<Bridge> {
  const { EventBridgeClient, PutEventsCommand } = await import('@aws-sdk/client-eventbridge');
  const client = new EventBridgeClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    maxAttempts: 1,
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS },
  });
  return {
    client,
    put: (entries) =>
      policy.execute((signal) => client.send(new PutEventsCommand({ Entries: entries }), { abortSignal: signal })),
  };
}
