// Identifiers: UUIDs that sort by the time they were made (RFC 9562, version 7).
import { Refusal } from './refusal.ts';

declare const uuid: unique symbol;
/** A UUID in its canonical lower-case form. */
export type Uuid = string & { readonly [uuid]: true };

const PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const EVENTS_PER_COMMAND_MAX = 4096;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Reads a UUID of any version in either case; throws `id.not-a-uuid`. */
export function parseUuid(text: string): Uuid {
  const lower = text.toLowerCase();
  if (isUuid(lower)) return lower;
  throw new Refusal('id.not-a-uuid', `"${text.slice(0, 64)}" is not a UUID.`, 'Send 36 characters such as 01980f3c-….');
}

/** Whether this is a UUID of any version in its canonical form. */
export const isUuid = (text: string): text is Uuid => PATTERN.test(text);

/** A version 7 UUID from a time in milliseconds and ten bytes of chance. */
export function uuidV7(timeMs: number, chance: Uint8Array): Uuid {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(0, Math.floor(timeMs / 0x10000));
  new DataView(bytes.buffer).setUint16(4, timeMs % 0x10000);
  bytes.set(chance.subarray(0, 10), 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = (from: number, to: number): string => {
    let text = '';
    for (let at = from; at < to; at++) text += HEX[bytes[at]!]!;
    return text;
  };
  return `${hex(0, 4)}-${hex(4, 6)}-${hex(6, 8)}-${hex(8, 10)}-${hex(10, 16)}` as Uuid;
}

/**
 * The id of the event number `index` (from 0) that a command causes: the command's id with its last twelve bits
 * replaced. A command that is repeated gives the same ids again, so the log itself recognises the repetition, and the
 * ids keep the time order of version 7.
 */
export function eventIdOf(commandId: Uuid, index: number): Uuid {
  if (index < 0 || index >= EVENTS_PER_COMMAND_MAX) {
    throw new RangeError(`A command may cause at most ${EVENTS_PER_COMMAND_MAX} events, not number ${index + 1}.`);
  }
  return (commandId.slice(0, -3) + index.toString(16).padStart(3, '0')) as Uuid;
}
