// The log as a pump reads it: by position, whatever the notifications say.
import type { LoggedEvent } from '../events/event.ts';
import type { EventLog } from '../ports/event-log.ts';
import type { PumpSource } from './pump.ts';

/** Events of the given types behind `after`; `'head'` is where the log ends at the first look. */
export function logSource(
  log: EventLog,
  { types, after }: { readonly types: readonly string[]; readonly after: bigint | 'head' },
): PumpSource<LoggedEvent> {
  let position = after;
  return {
    table: 'groundwork.event',
    async next(limit) {
      for (;;) {
        position = position === 'head' ? (await log.head()).position : position;
        const { events, readTo, isLast } = await log.read({ after: position, limit, types });
        position = readTo;
        if (events.length > 0 || isLast) return events;
      }
    },
  };
}
