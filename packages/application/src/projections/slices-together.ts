// Which slices of a worker read the log together, and what of a page is whose.
import type { LoggedEvent } from '../events/event.ts';
import type { LogPage } from '../ports/event-log.ts';
import type { Slice } from '../ports/projection-store.ts';

/**
 * Slices that stand within `distanceMax` positions of the one that is farthest read the log together, and each other
 * one by itself. Slices that follow the end of the log are together nearly always: each event is read once for all.
 */
export function slicesTogether(slices: readonly Slice[], distanceMax: number): readonly (readonly Slice[])[] {
  const farthest = slices.reduce((position, slice) => (slice.position > position ? slice.position : position), 0n);
  const isNear = ({ position }: Slice): boolean => farthest - position <= BigInt(distanceMax);
  const near = slices.filter(isNear);
  return [...(near.length > 0 ? [near] : []), ...slices.filter((slice) => !isNear(slice)).map((slice) => [slice])];
}

/** The events of the page that this slice has before it. */
export const eventsAhead = ({ slice, position }: Slice, page: LogPage): readonly LoggedEvent[] => {
  const events = page.bySlice === undefined ? page.events : (page.bySlice.get(slice) ?? []);
  return events[0] === undefined || events[0].position > position
    ? events
    : events.filter((event) => event.position > position);
};

/** The events in parts of at most `countMax`, each with the position behind which the slice stands afterwards. */
export function* partsOf(
  events: readonly LoggedEvent[],
  countMax: number,
  readTo: bigint,
): Generator<{ readonly events: readonly LoggedEvent[]; readonly to: bigint }> {
  for (let start = 0; start < events.length; start += countMax) {
    const part = events.slice(start, start + countMax);
    yield { events: part, to: start + countMax < events.length ? part.at(-1)!.position : readTo };
  }
}
