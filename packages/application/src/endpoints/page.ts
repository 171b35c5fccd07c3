// Lists, and the schemas their queries have in common.
import { parseStreamId, type StreamId } from '@groundwork/domain';
import { z } from 'zod';
import { InvalidInput } from '../errors.ts';

const POSITION_MAX = 2n ** 63n - 1n;

/** How many items a page holds. */
export const pageLimit = z.coerce.number().int().min(1).max(200).default(50);

/** A position in the log, written in decimal because JSON numbers end at 2^53. */
export const positionText = z
  .string()
  .regex(/^\d{1,19}$/, 'Send a position: up to 19 digits.')
  .refine((text) => !/^\d{1,19}$/.test(text) || BigInt(text) <= POSITION_MAX, 'No log is that long.');

const EARLIEST_MS = Date.parse('0001-01-01T00:00:00Z');
// Excluded: "up to and including a time" asks for all before the next millisecond.
const END_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** A time with its offset, ISO 8601, of the years that every part can hold: 1 to 9999, counted in UTC. */
export const timeText = z.iso
  .datetime({ offset: true, abort: true })
  .refine(
    (text) => Date.parse(text) >= EARLIEST_MS && Date.parse(text) < END_MS,
    'Send a time of the years 1 to 9999, counted in UTC.',
  );

/** The body of every list: `next` is what to send as `cursor` (or `after`) for the next page, null on the last. */
export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ items: z.array(item), next: z.string().nullable() });

/** A page of at most `limit` items out of `limit + 1` that were asked for. */
export function page<Item, Body>(
  found: readonly Item[],
  limit: number,
  bodyOf: (item: Item) => Body,
  cursorOf: (item: Item) => string,
): { items: readonly Body[]; next: string | null } {
  const items = found.slice(0, limit);
  return { items: items.map(bodyOf), next: found.length > limit ? cursorOf(items.at(-1)!) : null };
}

/** Reads `type/id` where a caller names a stream; throws InvalidInput `stream.malformed`. */
export function streamNamed(text: string, pointer: string): StreamId {
  try {
    return parseStreamId(text);
  } catch {
    const message = 'Send type/id, such as client/001xx000003DGb2AAG.';
    throw new InvalidInput('stream.malformed', 'This does not name a stream.', message, [{ pointer, message }]);
  }
}
