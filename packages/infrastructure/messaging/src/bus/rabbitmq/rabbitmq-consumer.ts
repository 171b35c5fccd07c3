// Consumes one queue of RabbitMQ, on a channel of its own for each connection.
import { pause, type BusMessage, type Logger } from '@groundwork/application';
import type { Channel, ConsumeMessage } from 'amqplib';
import type { Consumer, Delivery } from '../broker.ts';
import { messageFrom, redeliveriesOf } from './rabbitmq-form.ts';
import type { RabbitSession } from './rabbitmq-session.ts';

export interface RabbitConsumerParts {
  /** As RabbitMQ knows it. */
  readonly queue: string;
  readonly isOrdered: boolean;
  /** Of an ordered queue RabbitMQ counts only the active consumer; those of this empty queue are all of them. */
  readonly presence: string;
  readonly heldMax: number;
  readonly deliver: (delivery: Delivery) => void;
  /** Resolves when the broker has confirmed the dead letter. */
  readonly storeDead: (message: BusMessage, reason: string, attempts: number) => Promise<void>;
  /** Makes the queue again where it is missing, and opens this consumer on the connection there is now. */
  readonly reopen: () => Promise<void>;
  readonly onClose: () => void;
  readonly logger: Logger | undefined;
}

const REOPEN_DELAY_MS = 500;
/** What cannot become a dead letter now comes again, but not in a frenzy. */
const UNSTORED_DELAY_MS = 1_000;

export class RabbitConsumer implements Consumer {
  readonly #parts: RabbitConsumerParts;
  #opened: { readonly channel: Channel; readonly tag: string } | undefined;
  readonly #stopping = new AbortController();

  constructor(parts: RabbitConsumerParts) {
    this.#parts = parts;
  }

  async open({ model, lost }: RabbitSession): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const { queue, isOrdered, presence, heldMax, deliver } = this.#parts;
    const channel = await model.createChannel();
    const gone = new AbortController();
    channel.on('error', () => undefined);
    channel.on('close', () => gone.abort());
    lost.addEventListener('abort', () => gone.abort(), { once: true });
    await channel.prefetch(heldMax);
    const { consumerTag: tag } = await channel.consume(queue, (message) => {
      // Without a message: the queue is gone, and what is held with it.
      if (message === null) void channel.close().catch(() => undefined);
      else if (!this.#stopping.signal.aborted) deliver(this.#delivery(channel, message, gone.signal));
    });
    if (isOrdered) {
      await channel.assertQueue(presence, { durable: true, autoDelete: true });
      await channel.consume(presence, () => undefined);
    }
    this.#opened = { channel, tag };
    const onGone = (): void => void this.#reopen(channel, lost);
    if (gone.signal.aborted) onGone();
    else gone.signal.addEventListener('abort', onGone, { once: true });
  }

  /** When only the channel ended: what sets up the next connection opens all consumers itself. */
  async #reopen(ended: Channel, lost: AbortSignal): Promise<void> {
    const { signal } = this.#stopping;
    for (let isTold = false; ; isTold = true) {
      await pause(REOPEN_DELAY_MS, signal);
      if (signal.aborted || lost.aborted || this.#opened?.channel !== ended) return;
      const facts = { queue: this.#parts.queue };
      if (!isTold) this.#parts.logger?.warn('RabbitMQ ended a consumer; it is opened again.', facts);
      try {
        return await this.#parts.reopen();
      } catch {
        // The next round tries again.
      }
    }
  }

  /**
   * An ordered queue is not let go before what is held is settled: the next consumer would begin while this one still
   * works. What arrives meanwhile stays untouched and goes back with the channel, in order.
   */
  async stop(): Promise<void> {
    this.#stopping.abort();
    if (!this.#parts.isOrdered) await this.#opened?.channel.cancel(this.#opened.tag).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.stop();
    this.#parts.onClose();
    await this.#opened?.channel.close().catch(() => undefined);
  }

  #delivery(channel: Channel, raw: ConsumeMessage, gone: AbortSignal): Delivery {
    const message = messageFrom(raw);
    const say = async (what: () => void): Promise<void> => {
      if (gone.aborted) return;
      try {
        what();
      } catch {
        // The channel has just closed: the broker hands the message over again.
      }
    };
    return {
      message,
      redeliveries: redeliveriesOf(raw),
      get isLost() {
        return gone.aborted;
      },
      acknowledge: () => say(() => channel.ack(raw)),
      giveBack: () =>
        this.#parts.isOrdered && this.#stopping.signal.aborted
          ? Promise.resolve()
          : say(() => channel.nack(raw, false, true)),
      deadLetter: async (reason, attempts) => {
        try {
          await this.#parts.storeDead(message, reason, attempts);
        } catch {
          await pause(UNSTORED_DELAY_MS, this.#stopping.signal);
          return say(() => channel.nack(raw, false, true));
        }
        await say(() => channel.ack(raw));
      },
    };
  }
}
