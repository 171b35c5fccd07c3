// Pulls the messages of one queue from JetStream, one for each free hand, and settles them.
import { pause, type Logger } from '@groundwork/application';
import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import type { Consumer, Delivery } from '../broker.ts';
import type { NatsConnections } from './nats-connection.ts';
import { messageFrom } from './nats-form.ts';

export interface PullSource {
  readonly stream: string;
  readonly name: string;
  /** How many pulls wait for it at the same time. */
  readonly pulls: number;
}

export interface NatsConsumerParts {
  readonly connections: NatsConnections;
  readonly sources: readonly PullSource[];
  readonly heldMax: number;
  /** After this long without a sign of life the server hands a message to another. */
  readonly ackWaitMs: number;
  readonly deliver: (delivery: Delivery) => void;
  readonly storeDead: (message: Delivery['message'], reason: string, attempts: number) => Promise<void>;
  /** Makes the queue again when the server no longer has it. */
  readonly restore: () => Promise<void>;
  readonly onClose: () => Promise<void>;
  readonly logger: Logger | undefined;
}

interface Held {
  readonly raw: JsMsg;
  keptAtMs: number;
}

const PULL_MS = 5_000;
const RETRY_MS = 250;

export class NatsConsumer implements Consumer {
  readonly #parts: NatsConsumerParts;
  readonly #stopping = new AbortController();
  readonly #open = new Set<ConsumerMessages>();
  readonly #held = new Set<Held>();
  readonly #waiting: (() => void)[] = [];
  readonly #keeping: NodeJS.Timeout;
  readonly #pulling: Promise<unknown>;
  #hands: number;

  constructor(parts: NatsConsumerParts) {
    this.#parts = parts;
    this.#hands = parts.heldMax;
    this.#keeping = setInterval(() => this.#keep(), Math.ceil(parts.ackWaitMs / 3));
    const pulls = parts.sources.flatMap((source) => Array.from({ length: source.pulls }, () => this.#pull(source)));
    this.#pulling = Promise.all(pulls);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const messages of this.#open) void messages.close();
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#pulling;
    clearInterval(this.#keeping);
    for (const { raw } of this.#held) raw.nak();
    await this.#parts.onClose();
  }

  async #pull(source: PullSource): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const { js } = await this.#parts.connections.current();
        const consumer = await js.consumers.get(source.stream, source.name);
        while (!signal.aborted) {
          const messages = await consumer.fetch({ max_messages: 1, expires: PULL_MS });
          this.#open.add(messages);
          if (signal.aborted) void messages.close();
          for await (const raw of messages) await this.#handOver(raw);
          this.#open.delete(messages);
        }
      } catch {
        await pause(RETRY_MS, signal);
        if (!signal.aborted) await this.#parts.restore().catch(() => undefined);
      }
    }
  }

  /** Resolves when the message is settled. */
  async #handOver(raw: JsMsg): Promise<void> {
    const message = this.#decoded(raw);
    if (message === undefined) return;
    const held = { raw, keptAtMs: performance.now() };
    this.#held.add(held);
    while (this.#hands === 0 && !this.#stopping.signal.aborted) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#stopping.signal.aborted) {
      this.#held.delete(held);
      return raw.nak();
    }
    this.#hands--;
    const settled = Promise.withResolvers<void>();
    this.#parts.deliver(this.#delivery(held, message, settled.resolve));
    await settled.promise;
    this.#hands++;
    this.#waiting.shift()?.();
  }

  /** What some other program has put there and nobody here can read ends: it would come again for ever. */
  #decoded(raw: JsMsg): Delivery['message'] | undefined {
    try {
      if (raw.headers === undefined) throw new Error('It has no headers.');
      return messageFrom(raw.headers, raw.data);
    } catch (error) {
      raw.term('it is not a message of the bus');
      const { subject, seq } = raw;
      this.#parts.logger?.error('What stands in the stream is no message of the bus; it is skipped.', {
        subject,
        seq,
        error,
      });
      return undefined;
    }
  }

  #delivery(held: Held, message: Delivery['message'], settled: () => void): Delivery {
    const { raw } = held;
    const isLost = (): boolean => performance.now() - held.keptAtMs >= this.#parts.ackWaitMs;
    const settle = async (say: () => void): Promise<void> => {
      if (this.#held.delete(held) && !isLost()) say();
      settled();
    };
    return {
      message,
      redeliveries: raw.info.deliveryCount - 1,
      get isLost() {
        const lost = isLost();
        if (lost) settled();
        return lost;
      },
      acknowledge: () => settle(() => raw.ack()),
      giveBack: () => settle(() => raw.nak()),
      deadLetter: async (reason, attempts) => {
        const isStored = await this.#parts.storeDead(message, reason, attempts).then(
          () => true,
          () => false,
        );
        await settle(() => (isStored ? raw.term() : raw.nak()));
      },
    };
  }

  #keep(): void {
    void this.#parts.connections.current().then(
      () => {
        for (const held of this.#held) {
          if (performance.now() - held.keptAtMs >= this.#parts.ackWaitMs) continue;
          held.raw.working();
          held.keptAtMs = performance.now();
        }
      },
      () => undefined,
    );
  }
}
