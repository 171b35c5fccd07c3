// Which aggregate an event belongs to: the aggregate's type and its id name the stream.
import { Refusal } from './refusal.ts';

/** `type` is a kebab-case noun such as `client`; `id` is unique within tenant and type. */
export interface StreamId {
  readonly type: string;
  readonly id: string;
}

const TYPE = /^[a-z][a-z0-9-]{0,62}$/;
const ID_LENGTH_MAX = 200;
// Control characters and lone surrogates cannot be stored or shown without being bent.
// eslint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u001f\u007f]/;

/** Names a stream; throws `stream.malformed`. */
export function streamId(type: string, id: string): StreamId {
  if (!TYPE.test(type) || id.length === 0 || id.length > ID_LENGTH_MAX || UNPRINTABLE.test(id) || !id.isWellFormed()) {
    throw new Refusal(
      'stream.malformed',
      `"${type.slice(0, 64)}/${id.slice(0, 64)}" does not name a stream.`,
      `Use a kebab-case type and an id of 1 to ${ID_LENGTH_MAX} printable characters.`,
    );
  }
  return { type, id };
}

/** Reads `type/id`, the form in which streams are written in URLs and logs; throws `stream.malformed`. */
export function parseStreamId(text: string): StreamId {
  const slash = text.indexOf('/');
  return streamId(text.slice(0, Math.max(slash, 0)), text.slice(slash + 1));
}

/** `type/id`. */
export const streamName = (stream: StreamId): string => `${stream.type}/${stream.id}`;
