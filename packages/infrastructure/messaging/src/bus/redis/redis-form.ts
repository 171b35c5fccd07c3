// How a message stands in an entry of a stream.
import type { BusMessage, DeadLetter } from '@groundwork/application';
import { partitionOf } from '../partition.ts';

/** In the order that the scripts read: id, topic, partition, key, content type, headers, body, whether it has a key. */
export const fieldsOf = (message: BusMessage): (string | Buffer)[] => [
  message.id,
  message.topic,
  String(partitionOf(message)),
  message.key ?? '',
  message.contentType,
  JSON.stringify(message.headers ?? {}),
  Buffer.from(message.body.buffer, message.body.byteOffset, message.body.byteLength),
  message.key === undefined ? '0' : '1',
];

export function messageFrom(fields: readonly Buffer[]): BusMessage {
  const of = fieldReader(fields);
  return {
    id: text(of('id')),
    topic: text(of('topic')),
    ...(text(of('hasKey')) === '1' ? { key: text(of('key')) } : {}),
    headers: JSON.parse(text(of('headers'))) as Record<string, string>,
    contentType: text(of('contentType')),
    body: Uint8Array.from(of('body')),
  };
}

export function deadLetterFrom(fields: readonly Buffer[]): DeadLetter {
  const of = fieldReader(fields);
  const [reason, attempts, at] = [text(of('reason')), Number(text(of('attempts'))), new Date(text(of('at')))];
  return { message: messageFrom(fields), reason, attempts, at };
}

/** The pattern of a topic in Lua's language. */
export const luaPattern = (topic: string): string =>
  `^${topic.replace(/[-.*>]/g, (sign) => ({ '-': '%-', '.': '%.', '*': '[^.]+', '>': '.+' })[sign]!)}$`;

const fieldReader =
  (fields: readonly Buffer[]) =>
  (name: string): Buffer =>
    fields[fields.findIndex((field, index) => index % 2 === 0 && field.toString() === name) + 1]!;

const text = (field: Buffer): string => field.toString();
