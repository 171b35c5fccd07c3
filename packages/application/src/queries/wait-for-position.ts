// Read your own write: a query waits until its projection has seen what the caller wrote.
import { Unavailable } from '../errors.ts';
import type { ProjectionStore } from '../ports/projection-store.ts';
import { reachedPosition } from '../projections/ahead-of-log.ts';
import { CoalescedRead } from './coalesced-read.ts';

// A projection follows the log within milliseconds; nobody signals when it has.
const LOOK_INTERVAL_MS = 25;

/** By store and projection: all requests of this process that wait for a projection look together. */
const looks = new WeakMap<ProjectionStore, Map<string, CoalescedRead<bigint>>>();

/**
 * Returns when every slice of the projection has reached `position`. Throws Unavailable
 * `query.position-not-reached` after `timeoutMs`; 0 looks once.
 */
export async function waitForPosition(
  wanted: { readonly projection: string; readonly position: bigint; readonly timeoutMs: number },
  ports: { readonly projections: ProjectionStore },
  stop?: AbortSignal,
): Promise<void> {
  const endsAt = performance.now() + wanted.timeoutMs;
  const look = lookAt(ports.projections, wanted.projection);
  for (;;) {
    const reached = await look.ask();
    if (reached >= wanted.position) return;
    if (performance.now() >= endsAt || stop?.aborted === true) throw notReached(wanted, reached);
  }
}

/** The position that all slices of a projection have reached, 0n for an unknown projection. */
export async function slowestPosition(projections: ProjectionStore, projection: string): Promise<bigint> {
  const [progress] = await projections.progress(projection);
  return progress === undefined ? 0n : reachedPosition(progress);
}

function lookAt(projections: ProjectionStore, projection: string): CoalescedRead<bigint> {
  const ofStore = looks.get(projections) ?? new Map<string, CoalescedRead<bigint>>();
  looks.set(projections, ofStore);
  const look =
    ofStore.get(projection) ?? new CoalescedRead(() => slowestPosition(projections, projection), LOOK_INTERVAL_MS);
  ofStore.set(projection, look);
  return look;
}

const notReached = (wanted: { projection: string; position: bigint }, reached: bigint): Unavailable =>
  new Unavailable(
    'query.position-not-reached',
    `${wanted.projection} has reached position ${reached}, not yet ${wanted.position}.`,
    'Ask again, with a longer wait, or read without Groundwork-Min-Position.',
  );
