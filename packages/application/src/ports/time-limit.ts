// A limit for computations: nothing else in the process could interrupt one that runs for ever.
import { port } from '../port.ts';

export interface TimeLimit {
  /**
   * Runs `work`, which waits for nothing, and gives its value; throws what it throws. Work that is not over after
   * `limitMs` (from 1) is ended where it stands, past its own `catch` and `finally`: then undefined. Not to be nested.
   */
  run<T>(limitMs: number, work: () => T): { readonly value: T } | undefined;
}
export const TimeLimit = port<TimeLimit>('TimeLimit');
