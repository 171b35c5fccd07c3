// What went wrong with which event of a batch.
import { InvalidInput } from '../errors.ts';
import type { LoggedEvent } from '../events/event.ts';
import { pause } from '../pause.ts';
import type { RetryPolicy } from './projection-batch.ts';

export interface Fault {
  readonly event: LoggedEvent;
  readonly error: unknown;
  readonly attempts: number;
}

/** Ends the attempt at a batch in which events could not be applied; never leaves this folder. */
export class EventsFailed extends Error {
  readonly faults: readonly Fault[];
  constructor(faults: readonly Fault[]) {
    super(`${faults.length} events could not be applied.`);
    this.faults = faults;
  }
}

/** The read model does not take a row, whenever it is tried. */
export const isRowRefused = (error: unknown): boolean =>
  error instanceof InvalidInput && error.code === 'projection.row-refused';

/** What is known of a batch that is tried again and again. */
interface Attempts {
  /** How often each event has failed. */
  readonly attempts: Map<string, number>;
  /** Those that will not be tried again. */
  readonly poison: Map<string, Fault>;
  readonly round: number;
}

/** Counts the faults of an attempt, moves what has failed too often to the poison, and waits for the next attempt. */
export async function failedAttempt(
  faults: readonly Fault[],
  { attempts, poison, round }: Attempts,
  retry: RetryPolicy,
): Promise<void> {
  for (const { event, error } of faults) {
    const count = (attempts.get(event.id) ?? 0) + 1;
    attempts.set(event.id, count);
    if (count >= retry.attemptsMax) poison.set(event.id, { event, error, attempts: count });
  }
  await retry.onRetry();
  if (faults.some(({ event }) => !poison.has(event.id))) await pause(retry.delayMs * 2 ** round);
}
