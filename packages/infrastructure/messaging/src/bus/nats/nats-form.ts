// How a message stands on NATS: its topic in the subject, the rest in headers.
import type { BusMessage, DeadLetter } from '@groundwork/application';
import type { MsgHdrs } from '@nats-io/transport-node';
import { RESERVED_HEADER } from '../message-form.ts';
import { PARTITIONS } from '../partition.ts';

const ID = `${RESERVED_HEADER}id`;
const TOPIC = `${RESERVED_HEADER}topic`;
const KEY = `${RESERVED_HEADER}key`;
const CONTENT_TYPE = 'content-type';
const DEAD_REASON = `${RESERVED_HEADER}dead-reason`;
const DEAD_ATTEMPTS = `${RESERVED_HEADER}dead-attempts`;
const DEAD_AT = `${RESERVED_HEADER}dead-at`;
const OWN = new Set([ID, TOPIC, KEY, CONTENT_TYPE, DEAD_REASON, DEAD_ATTEMPTS, DEAD_AT]);

/** What the streams, subjects and consumers of one bus are called. */
export class NatsNames {
  /** Everything that was published. */
  readonly stream: string;
  readonly deadStream: string;
  /** Dead letters on their way back to one queue. */
  readonly againStream: string;
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.stream = prefix;
    this.deadStream = `${prefix}-dead`;
    this.againStream = `${prefix}-again`;
  }

  subject(topic: string, partition: number | '*'): string {
    return `${this.#prefix}.message.${partition}.${topic}`;
  }

  dead(queue: string): string {
    return `${this.#prefix}.dead.${token(queue)}`;
  }

  again(queue: string): string {
    return `${this.#prefix}.again.${token(queue)}`;
  }

  /** Where the consumers of a queue answer that they are there. */
  presence(queue: string): string {
    return `${this.#prefix}.present.${token(queue)}`;
  }

  /** The durable consumers of a queue: an ordered one has one for each partition. */
  consumers(queue: string, isOrdered: boolean): readonly { readonly name: string; readonly partition: number | '*' }[] {
    if (!isOrdered) return [{ name: `any-${token(queue)}`, partition: '*' }];
    return Array.from({ length: PARTITIONS }, (_, partition) => ({ name: `${partition}-${token(queue)}`, partition }));
  }

  againConsumer(queue: string): string {
    return `again-${token(queue)}`;
  }
}

/** Names of queues hold no underscore, those of consumers no dot. */
const token = (queue: string): string => queue.replaceAll('.', '_');

export function fillHeaders(headers: MsgHdrs, message: BusMessage): MsgHdrs {
  const own = { [ID]: message.id, [TOPIC]: message.topic, [CONTENT_TYPE]: message.contentType };
  const key = message.key === undefined ? {} : { [KEY]: message.key };
  for (const [name, value] of Object.entries({ ...message.headers, ...own, ...key })) {
    headers.set(name, encodeURI(value));
  }
  return headers;
}

export function fillDeadHeaders(headers: MsgHdrs, message: BusMessage, reason: string, attempts: number): MsgHdrs {
  fillHeaders(headers, message);
  headers.set(DEAD_REASON, encodeURI(reason));
  headers.set(DEAD_ATTEMPTS, String(attempts));
  headers.set(DEAD_AT, new Date().toISOString());
  return headers;
}

export function messageFrom(headers: MsgHdrs, body: Uint8Array): BusMessage {
  const names = headers.keys().filter((name) => !OWN.has(name) && !name.startsWith('Nats-'));
  return {
    id: of(headers, ID),
    topic: of(headers, TOPIC),
    ...(headers.has(KEY) ? { key: of(headers, KEY) } : {}),
    headers: Object.fromEntries(names.map((name) => [name, of(headers, name)])),
    contentType: of(headers, CONTENT_TYPE),
    body: Uint8Array.from(body),
  };
}

export const deadLetterFrom = (headers: MsgHdrs, body: Uint8Array): DeadLetter => ({
  message: messageFrom(headers, body),
  reason: of(headers, DEAD_REASON),
  attempts: Number(headers.get(DEAD_ATTEMPTS)),
  at: new Date(headers.get(DEAD_AT)),
});

// The client takes every byte of a header for a character of its own, so only ASCII is sent.
const of = (headers: MsgHdrs, name: string): string => decodeURI(headers.get(name));
