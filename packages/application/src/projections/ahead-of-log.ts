// A checkpoint that is not one of this log: the log was restored to an earlier point than the read model.
import { Conflict } from '../errors.ts';
import type { ProjectionProgress } from '../ports/projection-store.ts';

/** `happened` says which checkpoint stands where. */
export const aheadOfLog = (happened: string, options?: ErrorOptions): Conflict =>
  new Conflict(
    'projection.ahead-of-log',
    happened,
    'The log was restored to an earlier point than the read model. Build it anew: gw projections rebuild NAME.',
    {},
    options,
  );

/** What is refused, or undefined when every slice has a checkpoint of this log. */
export function refusalOf({ projection, slices }: ProjectionProgress): Conflict | undefined {
  const ahead = slices.filter(({ isAheadOfLog }) => isAheadOfLog);
  if (ahead.length === 0) return undefined;
  const places = ahead.map(({ slice, position }) => `slice ${slice} at ${position}`).join(', ');
  return aheadOfLog(`${projection} has applied events that this log does not hold: ${places}.`);
}

/**
 * The position up to which everything of this log has taken effect: nothing of it, where a slice is ahead of the log.
 */
export const reachedPosition = ({ slices }: Pick<ProjectionProgress, 'slices'>): bigint =>
  slices
    .map(({ position, isAheadOfLog }) => (isAheadOfLog ? 0n : position))
    .reduce<bigint | undefined>((least, one) => (least === undefined || one < least ? one : least), undefined) ?? 0n;
