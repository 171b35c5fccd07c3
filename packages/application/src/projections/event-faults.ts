// What went wrong with which event of a batch.
import { InvalidInput } from '../errors.ts';
import type { LoggedEvent } from '../events/event.ts';

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
