// Identifiers: UUIDs that sort by the time they were made (RFC 9562, version 7).
import { Refusal } from './refusal.ts';

declare const uuid: unique symbol;
/** A UUID in its canonical lower-case form. */
export type Uuid = string & { readonly [uuid]: true };

const PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const EVENTS_PER_COMMAND_MAX = 4096;
const DIGITS = [...'0123456789abcdef'].map((digit) => digit.charCodeAt(0));
const DASH = '-'.charCodeAt(0);

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
  const high = Math.floor(timeMs / 0x10000);
  const low = timeMs % 0x10000;
  const head = [high >>> 24, high >>> 16, high >>> 8, high, low >>> 8, low];
  // One string made at once: thirty that are put together take nine times as long.
  const codes: number[] = [];
  for (let at = 0; at < 16; at++) {
    let byte = at < 6 ? head[at]! : chance[at - 6]!;
    if (at === 6) byte = (byte & 0x0f) | 0x70;
    if (at === 8) byte = (byte & 0x3f) | 0x80;
    if (at === 4 || at === 6 || at === 8 || at === 10) codes.push(DASH);
    codes.push(DIGITS[(byte >>> 4) & 15]!, DIGITS[byte & 15]!);
  }
  return String.fromCharCode(...codes) as Uuid;
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
