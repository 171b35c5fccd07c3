// The row lock of the twin, and what whoever comes too late is told.
import { Conflict, type Slice } from '@groundwork/application';
import type { SliceState } from './memory-projection-store.ts';

/** Runs the work when nobody else is at work on these slices. */
export async function locked<T>(slices: readonly SliceState[], work: () => Promise<T>): Promise<T> {
  const before = Promise.all(slices.map(({ unlocked }) => unlocked));
  const running = before.then(work);
  const over = running.then(
    () => undefined,
    () => undefined,
  );
  for (const slice of slices) slice.unlocked = over;
  return running;
}

export const checkpointMoved = (slice: Slice, { position, epoch }: SliceState): Conflict =>
  new Conflict(
    'projection.checkpoint-moved',
    `Slice ${slice.slice} of ${slice.projection} was expected at ${slice.position} under epoch ${slice.epoch} ` +
      `and is at ${position} under epoch ${epoch}.`,
    'Another worker went on with the slice; take the lease again.',
    { projection: slice.projection, slice: slice.slice },
  );
