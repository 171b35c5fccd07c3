// What follows the log slice by slice under a checkpoint of its own: a projection, or a relay.
import type { ReadModelTable } from './projection.ts';

export interface LogSubscription {
  readonly name: string;
  readonly schemaVersion: number;
  readonly eventTypes: readonly string[];
  /** The rows that it keeps; without it the effect is elsewhere. */
  readonly table?: ReadModelTable;
}
