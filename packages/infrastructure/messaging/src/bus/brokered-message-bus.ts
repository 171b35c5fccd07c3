// The message bus over any broker: what is the same for all of them is here, and only here.
import { randomUUID } from 'node:crypto';
import {
  InvalidInput,
  MessagesNotPublished,
  NotFound,
  Unavailable,
  type BusMessage,
  type ConsumerLimits,
  type Logger,
  type MessageBus,
  type MessageQueues,
  type Metrics,
  type PublishOptions,
  type QueueDefinition,
  type Reply,
  type Responder,
  type RunningSubscription,
  type Subscription,
} from '@groundwork/application';
import type { Broker, Queue } from './broker.ts';
import { busMeters, type BusMeters } from './bus-meters.ts';
import { passMisconfigured } from './driver.ts';
import { refuseImpossible, refuseImpossibleQueueName, refuseImpossibleTopic } from './message-form.ts';
import { Requests } from './requests.ts';
import { CONSUMER_DEFAULTS, SubscriptionRunner } from './subscription-runner.ts';

export interface BusPorts {
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const DEAD_LETTERS_READ_MAX = 1_000;

export class BrokeredMessageBus implements MessageBus {
  readonly queues: MessageQueues;
  readonly #broker: Broker;
  readonly #logger: Logger;
  readonly #meters: BusMeters;
  readonly #requests: Requests;
  readonly #running = new Set<SubscriptionRunner>();
  #closed: Promise<void> | undefined;

  constructor(broker: Broker, { logger, metrics }: BusPorts) {
    this.#broker = broker;
    this.#logger = logger.child({ context: 'messages' });
    this.#meters = busMeters(metrics);
    this.#requests = new Requests(this);
    this.queues = queuesOf(broker);
  }

  async publish(messages: readonly BusMessage[], { mandatory = true }: PublishOptions = {}): Promise<void> {
    messages.forEach(refuseImpossible);
    await this.send(messages, mandatory);
  }

  /** As `publish`, for messages that may carry the bus's own headers. */
  async send(messages: readonly BusMessage[], isMandatory: boolean): Promise<void> {
    this.#refuseClosed();
    if (messages.length === 0) return;
    const failed = await this.#broker.publish(messages, isMandatory);
    this.#meters.published(messages.length - failed.length, failed.length);
    if (failed.length > 0) throw new MessagesNotPublished(failed);
  }

  async subscribe({ topic, group, isOrdered = false, handle, ...limits }: Subscription): Promise<RunningSubscription> {
    this.#refuseClosed();
    const name = group ?? `transient-${randomUUID()}`;
    const queue = definedQueue({ name, topic, isOrdered }, group === undefined);
    const runner = new SubscriptionRunner({
      queue,
      handle,
      limits: checkedLimits(limits),
      logger: this.#logger,
      meters: this.#meters,
    });
    await runner.start(this.#broker);
    this.#running.add(runner);
    return {
      stop: async () => {
        await runner.stop();
        this.#running.delete(runner);
      },
    };
  }

  request(request: BusMessage, timeoutMs: number): Promise<Reply> {
    refuseImpossible(request);
    return this.#requests.ask(request, timeoutMs);
  }

  respond(responder: Responder): Promise<RunningSubscription> {
    return this.#requests.answer(responder);
  }

  async ping(): Promise<void> {
    this.#refuseClosed();
    try {
      await this.#broker.ping();
    } catch (cause) {
      passMisconfigured(cause);
      throw new Unavailable(
        'messaging.broker-unavailable',
        `The message broker does not answer: ${cause instanceof Error ? cause.message : String(cause)}`,
        'Nothing that was confirmed is lost; look at the broker. The connection comes back by itself.',
        1,
        { cause },
      );
    }
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#requests.close();
    await Promise.all([...this.#running].map((runner) => runner.stop()));
    await this.#broker.close();
  }

  #refuseClosed(): void {
    if (this.#closed === undefined) return;
    throw new Unavailable(
      'messaging.bus-closed',
      'The message bus has been closed.',
      'Use it before the program stops.',
    );
  }
}

function definedQueue({ name, topic, isOrdered = false }: QueueDefinition, isTransient = false): Queue {
  refuseImpossibleQueueName(name);
  refuseImpossibleTopic(topic);
  return { name, topic, isOrdered, isTransient };
}

function checkedLimits(limits: ConsumerLimits): Required<ConsumerLimits> {
  const given = Object.entries(limits).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (Number.isInteger(value) && value >= 1 && value <= 2 ** 31 - 1) continue;
    throw new InvalidInput('messaging.invalid-limit', `${name} cannot be ${value}.`, 'Give a whole number from 1.');
  }
  return { ...CONSUMER_DEFAULTS, ...Object.fromEntries(given) };
}

function queuesOf(broker: Broker): MessageQueues {
  const known = async (name: string): Promise<void> => {
    refuseImpossibleQueueName(name);
    if ((await broker.counts(name)) === undefined) throw unknownQueue(name);
  };
  return {
    create: async (queue) => broker.createQueue(definedQueue(queue)),
    facts: async (name) => {
      refuseImpossibleQueueName(name);
      const counts = await broker.counts(name);
      return counts === undefined ? undefined : { name, ...counts };
    },
    purge: async (name) => {
      await known(name);
      await broker.purge(name);
    },
    delete: async (name) => {
      await known(name);
      await broker.deleteQueue(name);
    },
    deadLetters: async (name, limit) => {
      await known(name);
      return broker.deadLetters(name, Math.min(Math.max(1, limit), DEAD_LETTERS_READ_MAX));
    },
    redrive: async (name, ids) => {
      await known(name);
      return broker.settleDeadLetters(name, 'redrive', ids && new Set(ids));
    },
    discard: async (name, ids) => {
      await known(name);
      return broker.settleDeadLetters(name, 'discard', ids && new Set(ids));
    },
  };
}

const unknownQueue = (name: string): NotFound =>
  new NotFound(
    'messaging.unknown-queue',
    `There is no queue ${name}.`,
    'Create it, or subscribe under this name; queues are made by their first subscriber.',
    { name },
  );
