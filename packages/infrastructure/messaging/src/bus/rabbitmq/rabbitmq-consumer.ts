// Consumes one queue of RabbitMQ, on a channel of its own for each connection.
import type { BusMessage } from '@groundwork/application';
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
  readonly onClose: () => void;
}

export class RabbitConsumer implements Consumer {
  readonly #parts: RabbitConsumerParts;
  #opened: { readonly channel: Channel; readonly tag: string } | undefined;
  #isStopped = false;

  constructor(parts: RabbitConsumerParts) {
    this.#parts = parts;
  }

  async open({ model, lost }: RabbitSession): Promise<void> {
    if (this.#isStopped) return;
    const { queue, isOrdered, presence, heldMax, deliver } = this.#parts;
    const channel = await model.createChannel();
    const gone = new AbortController();
    channel.on('error', () => undefined);
    channel.on('close', () => gone.abort());
    lost.addEventListener('abort', () => gone.abort(), { once: true });
    await channel.prefetch(heldMax);
    const { consumerTag: tag } = await channel.consume(queue, (message) => {
      if (message !== null && !this.#isStopped) deliver(this.#delivery(channel, message, gone.signal));
    });
    if (isOrdered) {
      await channel.assertQueue(presence, { durable: true, autoDelete: true });
      await channel.consume(presence, () => undefined);
    }
    this.#opened = { channel, tag };
  }

  /**
   * An ordered queue is not let go before what is held is settled: the next consumer would begin while this one still
   * works. What arrives meanwhile stays untouched and goes back with the channel, in order.
   */
  async stop(): Promise<void> {
    this.#isStopped = true;
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
        this.#parts.isOrdered && this.#isStopped ? Promise.resolve() : say(() => channel.nack(raw, false, true)),
      deadLetter: async (reason, attempts) => {
        try {
          await this.#parts.storeDead(message, reason, attempts);
        } catch {
          return say(() => channel.nack(raw, false, true));
        }
        await say(() => channel.ack(raw));
      },
    };
  }
}
