// How a message stands in AMQP's own properties, and what is not its own there.
import type { BusMessage, DeadLetter } from '@groundwork/application';
import type { Message, Options } from 'amqplib';
import { RESERVED_HEADER } from '../message-form.ts';

const KEY = `${RESERVED_HEADER}key`;
const TOPIC = `${RESERVED_HEADER}topic`;
const DEAD_REASON = `${RESERVED_HEADER}dead-reason`;
const DEAD_ATTEMPTS = `${RESERVED_HEADER}dead-attempts`;
const DEAD_AT = `${RESERVED_HEADER}dead-at`;
const BROKERS_OWN = /^x-(delivery-count|death|(first|last)-death-.*|opt-.*)$/;
const OWN = new Set([KEY, TOPIC, DEAD_REASON, DEAD_ATTEMPTS, DEAD_AT]);

export const contentOf = ({ body }: BusMessage): Buffer => Buffer.from(body.buffer, body.byteOffset, body.byteLength);

export const propertiesOf = ({ id, topic, key, contentType, headers }: BusMessage): Options.Publish => ({
  persistent: true,
  messageId: id,
  contentType,
  headers: { ...headers, [TOPIC]: topic, ...(key === undefined ? {} : { [KEY]: key }) },
});

export const deadPropertiesOf = (message: BusMessage, reason: string, attempts: number): Options.Publish => {
  const properties = propertiesOf(message);
  const at = new Date().toISOString();
  return {
    ...properties,
    headers: { ...properties.headers, [DEAD_REASON]: reason, [DEAD_ATTEMPTS]: String(attempts), [DEAD_AT]: at },
  };
};

export function messageFrom({ properties, fields, content }: Message): BusMessage {
  const headers = (properties.headers ?? {}) as Record<string, unknown>;
  const own = Object.entries(headers).filter(([name]) => !OWN.has(name) && !BROKERS_OWN.test(name));
  const key = headers[KEY];
  return {
    id: String(properties.messageId ?? ''),
    topic: String(headers[TOPIC] ?? fields.routingKey),
    ...(key === undefined ? {} : { key: String(key) }),
    headers: Object.fromEntries(own.map(([name, value]) => [name, String(value)])),
    contentType: String(properties.contentType ?? 'application/octet-stream'),
    body: Uint8Array.from(content),
  };
}

/** What operators moved by hand has no reason of ours. */
export function deadLetterFrom(message: Message): DeadLetter {
  const headers = (message.properties.headers ?? {}) as Record<string, unknown>;
  return {
    message: messageFrom(message),
    reason: String(headers[DEAD_REASON] ?? 'unknown'),
    attempts: Number(headers[DEAD_ATTEMPTS] ?? 0),
    at: new Date(String(headers[DEAD_AT] ?? new Date(0).toISOString())),
  };
}

/** How often quorum queues have handed a message over before; others only say whether. */
export function redeliveriesOf({ properties, fields }: Message): number {
  const count = (properties.headers as Record<string, unknown> | undefined)?.['x-delivery-count'];
  return typeof count === 'number' ? count : Number(fields.redelivered);
}

/** AMQP's # stands for no word, too. */
export const bindingKey = (topic: string): string => topic.replace(/>$/, '*.#');
