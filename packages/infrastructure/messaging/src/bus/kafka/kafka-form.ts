// How a message stands in a record of Kafka.
import type { BusMessage, DeadLetter } from '@groundwork/application';
import type { IHeaders, KafkaMessage, Message } from 'kafkajs';
import { RESERVED_HEADER } from '../message-form.ts';

const ID = `${RESERVED_HEADER}id`;
const TOPIC = `${RESERVED_HEADER}topic`;
const CONTENT_TYPE = 'content-type';
const DEAD_REASON = `${RESERVED_HEADER}dead-reason`;
const DEAD_ATTEMPTS = `${RESERVED_HEADER}dead-attempts`;
const DEAD_AT = `${RESERVED_HEADER}dead-at`;
const OWN = new Set([ID, TOPIC, CONTENT_TYPE, DEAD_REASON, DEAD_ATTEMPTS, DEAD_AT]);

/** What the topics of Kafka and the groups of one bus are called. */
export class KafkaNames {
  /** Everything that was published: one topic, so that messages of one key are in order whatever they are about. */
  readonly messages: string;
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.messages = `${prefix}.messages`;
  }

  group(queue: string): string {
    return `${this.#prefix}.${queue}`;
  }

  dead(queue: string): string {
    return `${this.#prefix}.dead.${queue}`;
  }

  /** Dead letters on their way back to one queue. */
  again(queue: string): string {
    return `${this.#prefix}.again.${queue}`;
  }
}

export const recordOf = ({ id, topic, key, contentType, headers, body }: BusMessage): Message => ({
  key: key ?? null,
  value: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
  headers: { ...headers, [ID]: id, [TOPIC]: topic, [CONTENT_TYPE]: contentType },
});

export function deadRecordOf({ message, reason, attempts, at }: DeadLetter): Message {
  const record = recordOf(message);
  const why = { [DEAD_REASON]: reason, [DEAD_ATTEMPTS]: String(attempts), [DEAD_AT]: at.toISOString() };
  return { ...record, headers: { ...record.headers, ...why } };
}

/** Its topic alone, which decides whether anybody here wants the rest. */
export const topicOf = ({ headers = {} }: KafkaMessage): string => of(headers, TOPIC);

export function messageFrom({ key, value, headers = {} }: KafkaMessage): BusMessage {
  const own = Object.keys(headers).filter((name) => !OWN.has(name));
  return {
    id: of(headers, ID),
    topic: of(headers, TOPIC),
    ...(key === null ? {} : { key: key.toString() }),
    headers: Object.fromEntries(own.map((name) => [name, of(headers, name)])),
    contentType: of(headers, CONTENT_TYPE),
    body: Uint8Array.from(value ?? []),
  };
}

export const deadLetterFrom = (record: KafkaMessage): DeadLetter => ({
  message: messageFrom(record),
  reason: of(record.headers ?? {}, DEAD_REASON),
  attempts: Number(of(record.headers ?? {}, DEAD_ATTEMPTS)),
  at: new Date(of(record.headers ?? {}, DEAD_AT)),
});

const of = (headers: IHeaders, name: string): string => String(headers[name] ?? '');
