// A broker inside the process: for tests, for development, and for programs that are one process.
import {
  Misconfigured,
  topicMatches,
  type BusMessage,
  type DeadLetter,
  type UnpublishedMessage,
} from '@groundwork/application';
import type { Broker, Consumer, DeadLetterFate, Delivery, Queue, QueueCounts } from '../broker.ts';
import { queueDiffers } from '../queue-differs.ts';

interface Entry {
  readonly message: BusMessage;
  redeliveries: number;
}

interface MemoryConsumer {
  readonly owner: MemoryBroker;
  readonly heldMax: number;
  readonly deliver: (delivery: Delivery) => void;
  readonly held: Set<Entry>;
  isStopped: boolean;
}

class MemoryQueue {
  readonly definition: Queue;
  readonly waiting: Entry[] = [];
  readonly consumers: MemoryConsumer[] = [];
  dead: DeadLetter[] = [];

  constructor(definition: Queue) {
    this.definition = definition;
  }

  /** Hands over whatever may be handed over now, to the consumers in turn. */
  dispatch(): void {
    for (;;) {
      const consumer = this.consumers.find(({ isStopped, held, heldMax }) => !isStopped && held.size < heldMax);
      const index = consumer === undefined ? -1 : this.waiting.findIndex((entry) => this.#isFree(entry));
      if (consumer === undefined || index === -1) return;
      const [entry] = this.waiting.splice(index, 1);
      consumer.held.add(entry!);
      this.consumers.push(...this.consumers.splice(this.consumers.indexOf(consumer), 1));
      const delivery = this.#delivery(entry!, consumer);
      setImmediate(() => (delivery.isLost ? undefined : consumer.deliver(delivery)));
    }
  }

  release(consumer: MemoryConsumer): void {
    const index = this.consumers.indexOf(consumer);
    if (index !== -1) this.consumers.splice(index, 1);
    this.putBack([...consumer.held].reverse());
    consumer.held.clear();
    this.dispatch();
  }

  /** At the front: an ordered queue goes on with them. */
  putBack(entries: readonly Entry[]): void {
    for (const entry of entries) {
      entry.redeliveries++;
      this.waiting.unshift(entry);
    }
  }

  #isFree({ message: { key } }: Entry): boolean {
    if (!this.definition.isOrdered || key === undefined) return true;
    return this.consumers.every(({ held }) => [...held].every(({ message }) => message.key !== key));
  }

  #delivery(entry: Entry, consumer: MemoryConsumer): Delivery {
    const settle = (outcome: () => void): Promise<void> => {
      if (consumer.held.delete(entry)) outcome();
      this.dispatch();
      return Promise.resolve();
    };
    return {
      message: entry.message,
      redeliveries: entry.redeliveries,
      get isLost() {
        return !consumer.held.has(entry);
      },
      acknowledge: () => settle(() => undefined),
      giveBack: () => settle(() => this.putBack([entry])),
      deadLetter: (reason, attempts) =>
        settle(() => void this.dead.push({ message: entry.message, reason, attempts, at: new Date() })),
    };
  }
}

/** What brokers of one process share: a server, so to speak. */
export class MemoryQueues {
  readonly all = new Map<string, MemoryQueue>();

  create(definition: Queue): void {
    const { name, topic, isOrdered } = definition;
    const found = this.all.get(name)?.definition;
    if (found === undefined) this.all.set(name, new MemoryQueue(definition));
    else if (found.topic !== topic || found.isOrdered !== isOrdered) throw queueDiffers(definition);
  }

  require(name: string): MemoryQueue {
    const queue = this.all.get(name);
    if (queue === undefined)
      throw new Misconfigured('messaging.queue-gone', `Queue ${name} was deleted.`, 'Subscribe again.');
    return queue;
  }
}

export class MemoryBroker implements Broker {
  readonly #queues: MemoryQueues;

  constructor(queues = new MemoryQueues()) {
    this.#queues = queues;
  }

  async publish(messages: readonly BusMessage[], isMandatory: boolean): Promise<readonly UnpublishedMessage[]> {
    const all = [...this.#queues.all.values()];
    return messages.flatMap((message) => {
      const takers = all.filter(({ definition }) => topicMatches(definition.topic, message.topic));
      for (const queue of takers) {
        queue.waiting.push({ message: { ...message, body: Uint8Array.from(message.body) }, redeliveries: 0 });
        queue.dispatch();
      }
      return takers.length === 0 && isMandatory ? [{ messageId: message.id, reason: 'unroutable' }] : [];
    });
  }

  async createQueue(queue: Queue): Promise<void> {
    this.#queues.create(queue);
  }

  async consume(definition: Queue, heldMax: number, deliver: (delivery: Delivery) => void): Promise<Consumer> {
    const consumer: MemoryConsumer = { owner: this, heldMax, deliver, held: new Set(), isStopped: false };
    this.#queues.create(definition);
    const { name, isTransient } = definition;
    const queue = this.#queues.require(name);
    queue.consumers.push(consumer);
    queue.dispatch();
    return {
      stop: async () => {
        consumer.isStopped = true;
      },
      close: async () => {
        queue.release(consumer);
        if (isTransient) this.#queues.all.delete(name);
      },
    };
  }

  async counts(name: string): Promise<QueueCounts | undefined> {
    const queue = this.#queues.all.get(name);
    if (queue === undefined) return undefined;
    return { waiting: queue.waiting.length, consumers: queue.consumers.length, deadLetters: queue.dead.length };
  }

  async purge(name: string): Promise<void> {
    this.#queues.require(name).waiting.length = 0;
  }

  async deleteQueue(name: string): Promise<void> {
    const queue = this.#queues.require(name);
    this.#queues.all.delete(name);
    for (const { held } of queue.consumers) held.clear();
    queue.consumers.length = 0;
  }

  async deadLetters(name: string, limit: number): Promise<readonly DeadLetter[]> {
    return this.#queues.require(name).dead.slice(0, limit);
  }

  async settleDeadLetters(name: string, fate: DeadLetterFate, ids: ReadonlySet<string> | undefined): Promise<number> {
    const queue = this.#queues.require(name);
    const chosen = queue.dead.filter(({ message }) => ids?.has(message.id) ?? true);
    queue.dead = queue.dead.filter((letter) => !chosen.includes(letter));
    if (fate === 'redrive') queue.waiting.push(...chosen.map(({ message }) => ({ message, redeliveries: 0 })));
    queue.dispatch();
    return chosen.length;
  }

  async ping(): Promise<void> {}

  /** As the death of a process: what its consumers hold goes back. */
  async close(): Promise<void> {
    for (const [name, queue] of this.#queues.all) {
      const own = queue.consumers.filter(({ owner }) => owner === this);
      for (const consumer of own) queue.release(consumer);
      if (queue.definition.isTransient && own.length > 0) this.#queues.all.delete(name);
    }
  }
}
