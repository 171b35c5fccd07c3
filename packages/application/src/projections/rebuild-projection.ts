// From zero: empties a read model and lets its workers fill it again from the log.
import type { LogSignal } from '../ports/event-log.ts';
import type { ProjectionStore } from '../ports/projection-store.ts';
import { slowestPosition } from '../queries/wait-for-position.ts';
import type { Projection } from './projection.ts';

export interface Rebuild {
  /** Counted for each projection, from 1. */
  readonly number: number;
  /** The head of the log when the rebuild began: what has to be read again. */
  readonly target: bigint;
  /** How far it has come. */
  progress(): Promise<{ readonly done: bigint; readonly isCaughtUp: boolean }>;
}

/** Parked streams are forgotten: their events are applied anew. */
export async function rebuildProjection(
  projection: Projection,
  ports: { readonly projections: ProjectionStore; readonly signal: LogSignal },
): Promise<Rebuild> {
  const { position: target } = await ports.signal.head();
  const number = await ports.projections.reset(projection, target);
  return {
    number,
    target,
    progress: async () => {
      const reached = await slowestPosition(ports.projections, projection.name);
      return { done: reached < target ? reached : target, isCaughtUp: reached >= target };
    },
  };
}
