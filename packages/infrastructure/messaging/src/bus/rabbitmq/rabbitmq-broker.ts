// The message bus on RabbitMQ: a topic exchange, a quorum queue for each group, and confirms for all that is published.
import { pause, type BusMessage, type DeadLetter, type Logger, type UnpublishedMessage } from '@groundwork/application';
import type { Channel, ConfirmChannel, GetMessage, Options, Replies } from 'amqplib';
import type { Broker, Consumer, DeadLetterFate, Delivery, Queue, QueueCounts } from '../broker.ts';
import { passMisconfigured } from '../driver.ts';
import { queueDiffers } from '../queue-differs.ts';
import { RabbitConsumer } from './rabbitmq-consumer.ts';
import { bindingKey, contentOf, deadLetterFrom, deadPropertiesOf, messageFrom, propertiesOf } from './rabbitmq-form.ts';
import { isReply, RabbitSessions, type RabbitSession } from './rabbitmq-session.ts';

export interface RabbitBusSettings {
  readonly url: string;
  /** Names the exchange; queues are named after it. */
  readonly prefix: string;
  /** How long the broker may take to confirm; it confirms nothing while it is short of memory or disk. */
  readonly confirmTimeoutMs?: number;
  readonly logger?: Logger;
}

const CONFIRM_TIMEOUT_MS = 10_000;
const RETURN_WAIT_MAX_MS = 2_000;
const RETURN_POLL_MS = 10;

export class RabbitBroker implements Broker {
  readonly #prefix: string;
  readonly #confirmTimeoutMs: number;
  readonly #logger: Logger | undefined;
  readonly #sessions: RabbitSessions;
  readonly #consumers = new Map<RabbitConsumer, Queue>();
  /** By the number of each publication, which comes back with a message that no queue took. */
  readonly #unconfirmed = new Set<string>();
  readonly #unroutable = new Set<string>();
  #number = 0;

  constructor({ url, prefix, confirmTimeoutMs = CONFIRM_TIMEOUT_MS, logger }: RabbitBusSettings) {
    [this.#prefix, this.#confirmTimeoutMs, this.#logger] = [prefix, confirmTimeoutMs, logger];
    this.#sessions = new RabbitSessions(url, (session) => this.#setUp(session));
  }

  async publish(messages: readonly BusMessage[], isMandatory: boolean): Promise<readonly UnpublishedMessage[]> {
    let session: RabbitSession;
    try {
      session = await this.#sessions.current();
    } catch (error) {
      passMisconfigured(error);
      return messages.map(({ id: messageId }) => ({ messageId, reason: (error as Error).message }));
    }
    const outcomes = messages.map(async (message): Promise<UnpublishedMessage | undefined> => {
      const properties = { ...propertiesOf(message), mandatory: isMandatory };
      const reason = await this.#taken(session, this.#prefix, message.topic, contentOf(message), properties);
      return reason === undefined ? undefined : { messageId: message.id, reason };
    });
    return (await Promise.all(outcomes)).filter((outcome) => outcome !== undefined);
  }

  async createQueue(queue: Queue): Promise<void> {
    await this.#sessions.onChannel((channel) => this.#declare(channel, queue));
  }

  async consume(queue: Queue, heldMax: number, deliver: (delivery: Delivery) => void): Promise<Consumer> {
    await this.createQueue(queue);
    const consumer: RabbitConsumer = new RabbitConsumer({
      queue: this.#queueName(queue.name),
      isOrdered: queue.isOrdered,
      presence: this.#presenceName(queue.name),
      heldMax,
      deliver,
      storeDead: (message, reason, attempts) => this.#storeDead(queue, message, reason, attempts),
      reopen: async () => {
        await this.createQueue(queue);
        await consumer.open(await this.#sessions.current());
      },
      onClose: () => this.#consumers.delete(consumer),
      logger: this.#logger,
    });
    await consumer.open(await this.#sessions.current());
    this.#consumers.set(consumer, queue);
    return consumer;
  }

  async counts(name: string): Promise<QueueCounts | undefined> {
    const counts = await this.#found(this.#queueName(name));
    if (counts === undefined) return undefined;
    const [present, dead] = [await this.#found(this.#presenceName(name)), await this.#found(this.#deadName(name))];
    return {
      waiting: counts.messageCount,
      consumers: (present ?? counts).consumerCount,
      deadLetters: dead?.messageCount ?? 0,
    };
  }

  async purge(name: string): Promise<void> {
    await this.#sessions.onChannel((channel) => channel.purgeQueue(this.#queueName(name)));
  }

  async deleteQueue(name: string): Promise<void> {
    await this.#sessions.onChannel(async (channel) => {
      await channel.deleteQueue(this.#queueName(name));
      await channel.deleteQueue(this.#deadName(name));
    });
  }

  async deadLetters(name: string, limit: number): Promise<readonly DeadLetter[]> {
    const letters: DeadLetter[] = [];
    await this.#eachDead(name, limit, async (_channel, raw) => {
      letters.push(deadLetterFrom(raw));
      return 'stays';
    });
    return letters;
  }

  async settleDeadLetters(name: string, fate: DeadLetterFate, ids: ReadonlySet<string> | undefined): Promise<number> {
    return this.#eachDead(name, Infinity, async (channel, raw) => {
      const message = messageFrom(raw);
      if (ids?.has(message.id) === false) return 'stays';
      if (fate === 'redrive') {
        channel.sendToQueue(this.#queueName(name), contentOf(message), propertiesOf(message));
        await channel.waitForConfirms();
      }
      return 'goes';
    });
  }

  async ping(): Promise<void> {
    const { publisher } = await this.#sessions.current();
    await publisher.checkExchange(this.#prefix);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#consumers.keys()].map((consumer) => consumer.close()));
    await this.#sessions.close();
  }

  async #setUp(session: RabbitSession): Promise<void> {
    const { publisher } = session;
    publisher.on('return', ({ properties }) => {
      const number = String(properties.correlationId);
      if (this.#unconfirmed.has(number)) this.#unroutable.add(number);
    });
    await publisher.assertExchange(this.#prefix, 'topic', { durable: true });
    for (const [consumer, queue] of this.#consumers) {
      await this.#declare(publisher, queue);
      await consumer.open(session);
    }
  }

  async #declare(channel: Channel, queue: Queue): Promise<void> {
    const { name, topic, isOrdered, isTransient } = queue;
    const type = { 'x-queue-type': 'quorum' };
    try {
      if (isTransient) {
        await channel.assertQueue(this.#queueName(name), { exclusive: true, autoDelete: true, durable: false });
      } else {
        // Nothing leaves the dead letters by this way; it only lets the server refuse the queue for another topic.
        const fingerprint = { deadLetterExchange: this.#prefix, deadLetterRoutingKey: `${topic}#${isOrdered}` };
        await channel.assertQueue(this.#deadName(name), { durable: true, arguments: type, ...fingerprint });
        const single = isOrdered ? { 'x-single-active-consumer': true } : {};
        await channel.assertQueue(this.#queueName(name), { durable: true, arguments: { ...type, ...single } });
      }
    } catch (error) {
      throw isReply(error, 406) ? queueDiffers(queue, { cause: error }) : error;
    }
    await channel.bindQueue(this.#queueName(name), this.#prefix, bindingKey(topic));
  }

  async #storeDead({ name, isTransient }: Queue, message: BusMessage, reason: string, attempts: number): Promise<void> {
    if (isTransient) return;
    const session = await this.#sessions.current();
    const properties = { ...deadPropertiesOf(message, reason, attempts), mandatory: true };
    const failure = await this.#taken(session, '', this.#deadName(name), contentOf(message), properties);
    if (failure === undefined) return;
    const facts = { queue: this.#deadName(name), messageId: message.id, failure };
    this.#logger?.error('A dead letter could not be stored; its message comes again.', facts);
    throw new Error(failure);
  }

  /** Undefined when a queue has it, else why not: what none takes is returned, and confirmed all the same. */
  async #taken(
    session: RabbitSession,
    exchange: string,
    routingKey: string,
    content: Buffer,
    properties: Options.Publish,
  ): Promise<string | undefined> {
    const correlationId = String(this.#number++);
    this.#unconfirmed.add(correlationId);
    const reason = await this.#confirmed(session, exchange, routingKey, content, { ...properties, correlationId });
    this.#unconfirmed.delete(correlationId);
    const isReturned = this.#unroutable.delete(correlationId);
    return reason ?? (isReturned ? 'unroutable' : undefined);
  }

  /** Undefined when the broker has confirmed it, else why not. */
  async #confirmed(
    { publisher, lost }: RabbitSession,
    exchange: string,
    routingKey: string,
    content: Buffer,
    properties: Options.Publish,
  ): Promise<string | undefined> {
    const verdict = Promise.withResolvers<string | undefined>();
    const timer = setTimeout(
      () => verdict.resolve(`not confirmed within ${this.#confirmTimeoutMs} ms`),
      this.#confirmTimeoutMs,
    );
    const onLost = (): void => verdict.resolve('the connection was lost before it was confirmed');
    lost.addEventListener('abort', onLost, { once: true });
    try {
      publisher.publish(exchange, routingKey, content, properties, (error) =>
        verdict.resolve(error ? `refused by the broker: ${(error as Error).message}` : undefined),
      );
      return await verdict.promise;
    } catch (error) {
      return (error as Error).message;
    } finally {
      clearTimeout(timer);
      lost.removeEventListener('abort', onLost);
    }
  }

  async #found(queue: string): Promise<Replies.AssertQueue | undefined> {
    try {
      return await this.#sessions.onChannel((channel) => channel.checkQueue(queue));
    } catch (error) {
      if (isReply(error, 404)) return undefined;
      throw error;
    }
  }

  /**
   * Looks at each dead letter that is there now; how many went. Those that stay go back to their places when the
   * channel closes, which is waited for: whoever looks next finds them.
   */
  async #eachDead(
    name: string,
    limit: number,
    look: (channel: ConfirmChannel, raw: GetMessage) => Promise<'stays' | 'goes'>,
  ): Promise<number> {
    let [present, gone] = [0, 0];
    await this.#sessions.onChannel(async (channel) => {
      present = (await channel.checkQueue(this.#deadName(name))).messageCount;
      for (let count = 0; count < Math.min(present, limit); count++) {
        const raw = await channel.get(this.#deadName(name));
        if (raw === false) return;
        if ((await look(channel, raw)) === 'stays') continue;
        channel.ack(raw);
        gone++;
      }
    });
    for (let waitedMs = 0; waitedMs < RETURN_WAIT_MAX_MS; waitedMs += RETURN_POLL_MS) {
      const found = await this.#found(this.#deadName(name));
      if (found === undefined || found.messageCount >= present - gone) break;
      await pause(RETURN_POLL_MS);
    }
    return gone;
  }

  #queueName(name: string): string {
    return `${this.#prefix}:${name}`;
  }

  #presenceName(name: string): string {
    return `${this.#prefix}:present:${name}`;
  }

  #deadName(name: string): string {
    return `${this.#prefix}:dead:${name}`;
  }
}
