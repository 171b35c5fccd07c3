// Messages between processes, whichever broker carries them.
import { port } from '../port.ts';

export interface BusMessage {
  /** The same id again says the same thing again: receivers know a repeated message by it. Printable, up to 200. */
  readonly id: string;
  /** What it is about, such as `clients.client-created`: words of letters, digits, - and _, with dots between them. */
  readonly topic: string;
  /** What has to stay in order, such as a stream: see `isOrdered`. Text up to 500 characters. */
  readonly key?: string;
  /** Names of lower-case letters, digits and -; values are text of one line. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A media type, such as `application/json`. */
  readonly contentType: string;
  /** With headers and key at most MESSAGE_BYTES_MAX. */
  readonly body: Uint8Array;
}

/** What every broker takes in its default form. */
export const MESSAGE_BYTES_MAX = 512 * 1024;

export interface PublishOptions {
  /**
   * Whether it is a fault when nobody has a queue for a message: true (default) refuses it as `unroutable` where the
   * broker can tell (memory, Redis, RabbitMQ); NATS and Kafka keep it for a while instead.
   */
  readonly mandatory?: boolean;
}

export interface MessageContext {
  /** From 1. Every time the message was handed to a process counts, also when that process died over it. */
  readonly attempt: number;
  /** Aborted when the time limit of this attempt is over. */
  readonly signal: AbortSignal;
}

/** Resolved is acknowledged; rejected is tried again, and MessageRejected makes it a dead letter at once. */
export type MessageHandler = (message: BusMessage, context: MessageContext) => Promise<void>;

export interface ConsumerLimits {
  /** How many messages the handler has at the same time; the rest waits in the broker. Default 10. */
  readonly concurrencyMax?: number;
  /** How often a message is tried before it becomes a dead letter. Default 10. */
  readonly attemptsMax?: number;
  /** The pause before the second attempt; it doubles up to 30 s. Default 200. */
  readonly retryDelayMs?: number;
  /** An attempt that takes longer has failed; its `signal` is aborted. Default 30 000. */
  readonly handlerTimeLimitMs?: number;
}

export interface Subscription extends ConsumerLimits {
  /** A topic, where `*` stands for one word and `>` at the end for one or more. */
  readonly topic: string;
  /**
   * Names a queue that outlives its subscribers and is made when it is missing; whoever subscribes under the same name
   * shares its messages. Without a group the subscriber gets all that is published while it is connected.
   */
  readonly group?: string;
  /** Messages of one key reach the handler one after the other, as they were published. Default false. */
  readonly isOrdered?: boolean;
  readonly handle: MessageHandler;
}

export interface RunningSubscription {
  /** Takes no more, ends what has begun, and gives the rest back. */
  stop(): Promise<void>;
}

export interface Reply {
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Responder extends ConsumerLimits {
  /** As in a subscription. */
  readonly topic: string;
  /** Responders of one group share the requests. */
  readonly group: string;
  /** What it throws reaches the requester as `messaging.request-failed`; nothing is tried again. */
  readonly answer: (request: BusMessage, context: MessageContext) => Promise<Reply>;
}

export interface QueueDefinition {
  /** Words of lower-case letters, digits and -, with dots between them. */
  readonly name: string;
  readonly topic: string;
  readonly isOrdered?: boolean;
}

export interface QueueFacts {
  readonly name: string;
  /** Not yet handed to a consumer. */
  readonly waiting: number;
  /** Undefined where the broker cannot tell. */
  readonly consumers: number | undefined;
  readonly deadLetters: number;
}

export interface DeadLetter {
  readonly message: BusMessage;
  /** What its last attempt said. */
  readonly reason: string;
  readonly attempts: number;
  readonly at: Date;
}

/** The queues of groups. Anything but `create` and `facts` throws NotFound `messaging.unknown-queue`. */
export interface MessageQueues {
  /** From here on the queue gets what is published. Throws Misconfigured `messaging.queue-differs`; else idempotent. */
  create(queue: QueueDefinition): Promise<void>;
  /** As the broker counts them at this moment; undefined for a queue that does not exist. */
  facts(name: string): Promise<QueueFacts | undefined>;
  /** Removes what waits; what a consumer holds and dead letters stay. */
  purge(name: string): Promise<void>;
  /** Removes the queue with everything in it, also its dead letters. */
  delete(name: string): Promise<void>;
  /** The oldest first; they stay where they are. `limit` from 1 to 1 000. */
  deadLetters(name: string, limit: number): Promise<readonly DeadLetter[]>;
  /** Puts dead letters back into this queue only, all or those with these message ids; how many. */
  redrive(name: string, messageIds?: readonly string[]): Promise<number>;
  /** Forgets dead letters, all or those with these message ids; how many. */
  discard(name: string, messageIds?: readonly string[]): Promise<number>;
}

/**
 * At least once: a queue's handler sees every message that was confirmed for it, perhaps again, under the same id. What
 * each broker can and cannot keep stands in docs/adr/0027.
 */
export interface MessageBus {
  /**
   * Resolves when the broker has confirmed all of them. MessagesNotPublished names those that it has not confirmed in
   * time: they may have arrived all the same, and are safe to publish again, before later ones of their keys. Throws
   * InvalidInput `messaging.invalid-message` or `messaging.message-too-large` before anything is sent.
   */
  publish(messages: readonly BusMessage[], options?: PublishOptions): Promise<void>;
  /** Resolves when messages published from here on will arrive. Throws as `queues.create` does. */
  subscribe(subscription: Subscription): Promise<RunningSubscription>;
  /**
   * The reply of one responder. Throws Unavailable `messaging.no-reply` after `timeoutMs` (a later reply is discarded),
   * GaveUp `messaging.request-failed` with what the responder said, and MessagesNotPublished.
   */
  request(request: BusMessage, timeoutMs: number): Promise<Reply>;
  respond(responder: Responder): Promise<RunningSubscription>;
  readonly queues: MessageQueues;
  /** Asks the broker; throws Unavailable `messaging.broker-unavailable` when it does not answer. */
  ping(): Promise<void>;
  /** Stops every subscription and ends the connection; twice is harmless. */
  close(): Promise<void>;
}
export const MessageBus = port<MessageBus>('MessageBus');
