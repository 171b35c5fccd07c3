// What a broker has to offer so that MessageBus can be kept on it: the narrow part that differs between brokers.
import type { BusMessage, DeadLetter, UnpublishedMessage } from '@groundwork/application';

export interface Queue {
  readonly name: string;
  readonly topic: string;
  readonly isOrdered: boolean;
  /** Belongs to one subscriber and ends with its connection. */
  readonly isTransient: boolean;
}

/** A message that a consumer holds. None of these rejects: what cannot be said any more comes again. */
export interface Delivery {
  readonly message: BusMessage;
  /** How often it was handed over before. */
  readonly redeliveries: number;
  /** Whether the broker has taken it back meanwhile. */
  readonly isLost: boolean;
  acknowledge(): Promise<void>;
  /** Lets the queue hand it over again, at its old place where the queue is ordered. */
  giveBack(): Promise<void>;
  deadLetter(reason: string, attempts: number): Promise<void>;
}

export interface Consumer {
  /** From here on nothing more is delivered; what is held can still be settled. */
  stop(): Promise<void>;
  /** Gives back whatever is held. */
  close(): Promise<void>;
}

export interface QueueCounts {
  readonly waiting: number;
  /** Undefined where the broker cannot tell. */
  readonly consumers: number | undefined;
  readonly deadLetters: number;
}

export type DeadLetterFate = 'redrive' | 'discard';

export interface Broker {
  /** Resolves with those that were not confirmed; sends in the given order. */
  publish(messages: readonly BusMessage[], isMandatory: boolean): Promise<readonly UnpublishedMessage[]>;
  /** Idempotent; throws Misconfigured `messaging.queue-differs`. */
  createQueue(queue: Queue): Promise<void>;
  /**
   * Makes the queue when it is missing, as `createQueue`. Hands over at most `heldMax` messages that are not settled,
   * and of an ordered queue never one key to two consumers. Comes back by itself when the connection was lost; what was
   * held then is lost and delivered again.
   */
  consume(queue: Queue, heldMax: number, deliver: (delivery: Delivery) => void): Promise<Consumer>;
  /** Undefined for a queue that does not exist. */
  counts(name: string): Promise<QueueCounts | undefined>;
  purge(name: string): Promise<void>;
  deleteQueue(name: string): Promise<void>;
  deadLetters(name: string, limit: number): Promise<readonly DeadLetter[]>;
  settleDeadLetters(name: string, fate: DeadLetterFate, ids: ReadonlySet<string> | undefined): Promise<number>;
  /** Rejects when the broker does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
