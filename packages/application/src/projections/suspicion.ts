// Finds the event over which workers end: an event that kills or hangs its process cannot be caught, only counted.
import { Misconfigured } from '../errors.ts';
import type { LoggedEvent } from '../events/event.ts';
import { pause } from '../pause.ts';
import type { ProjectionStore, Slice } from '../ports/projection-store.ts';
import type { Fault } from './event-faults.ts';

/**
 * So many owners may be lost over the same batch before its events are tried one by one. Most workers are lost for
 * reasons that no event has to do with: one death makes nobody slower.
 */
export const OWNERS_LOST_IN_COMPANY_MAX = 2;

/** A page of events that are tried alone takes effect well within a lease. */
export const PAGE_OF_SUSPECTS = 20;

export interface SuspicionPolicy {
  /** So many workers in a row may be lost over one event before its stream is parked. */
  readonly ownersLostMax: number;
  /** Before the first further attempt at a suspect; doubled before each one after it. */
  readonly delayMs: number;
  readonly delayMaxMs: number;
  /** The most that a lost owner can have had in hand. */
  readonly batchSizeMax: number;
}

/** Takes effect as part of the runner: one event, or its stream parked for the fault. */
export type TakeOne = (slice: Slice, event: LoggedEvent, fault: Fault | undefined) => Promise<Slice>;

/** Reads with care the slices that a worker took over from owners who were lost again and again in the same place. */
export class Suspicion {
  readonly #store: ProjectionStore;
  readonly #policy: SuspicionPolicy;
  /** How many events of a slice are still to be tried alone. */
  readonly #left = new Map<number, { readonly epoch: number; readonly eventCount: number }>();

  constructor(store: ProjectionStore, policy: SuspicionPolicy) {
    this.#store = store;
    this.#policy = policy;
  }

  isOn({ ownersLost }: Slice): boolean {
    return ownersLost >= OWNERS_LOST_IN_COMPANY_MAX;
  }

  /** Tries the events of a page one by one. Behind everything that the lost owners can have had in hand it ends. */
  async takeOneByOne(
    slice: Slice,
    page: { readonly events: readonly LoggedEvent[]; readonly isLast: boolean },
    take: TakeOne,
  ): Promise<Slice> {
    const before = this.#left.get(slice.slice);
    let eventCount = before?.epoch === slice.epoch ? before.eventCount : this.#policy.batchSizeMax;
    let current = slice;
    for (const event of page.events) {
      current = await this.#takeAlone(current, event, take);
      this.#left.set(slice.slice, { epoch: slice.epoch, eventCount: --eventCount });
    }
    return page.isLast || eventCount <= 0 ? this.#store.suspect(current, current.position, 0) : current;
  }

  async #takeAlone(slice: Slice, event: LoggedEvent, take: TakeOne): Promise<Slice> {
    const isKnown = slice.suspect === event.position;
    const ownersLost = isKnown ? slice.ownersLost : OWNERS_LOST_IN_COMPANY_MAX;
    if (ownersLost >= this.#policy.ownersLostMax) {
      return take(slice, event, { event, error: handlerEndedProcess(ownersLost), attempts: ownersLost });
    }
    const { delayMs, delayMaxMs } = this.#policy;
    if (isKnown) await pause(Math.min(delayMaxMs, delayMs * 2 ** (ownersLost - OWNERS_LOST_IN_COMPANY_MAX)));
    return whileNoOtherIsTried(async () =>
      take(await this.#store.suspect(slice, event.position, ownersLost), event, undefined),
    );
  }
}

let lastTrial: Promise<unknown> = Promise.resolve();

/** In this process, whatever its projections: only what was tried by itself can be blamed when the process ends. */
function whileNoOtherIsTried<T>(trial: () => Promise<T>): Promise<T> {
  const tried = lastTrial.then(trial);
  lastTrial = tried.catch(() => undefined);
  return tried;
}

const handlerEndedProcess = (attempts: number): Misconfigured =>
  new Misconfigured(
    'projection.handler-ended-process',
    `${attempts} workers in a row have ended, or stood still, while they applied this event.`,
    'Correct the handler: it must neither end the process nor run for ever. Then retry, or discard the event.',
    { attempts },
  );
