// How long to wait before a further attempt: growing, always the same, or by a function of one's own.

/** Milliseconds to wait after the given number of failed attempts, from 1, the last of which ended in `error`. */
export type RetryDelay = (failures: number, error?: unknown) => number;

export interface ExponentialDelay {
  /** After the first failure. */
  readonly initialMs: number;
  readonly maxMs: number;
  /** What each further delay is multiplied by; 2 unless told. */
  readonly multiplier?: number;
  /** From 0 to 1: 1 draws the whole delay by lot, 0.5 its upper half, 0, the default, nothing. */
  readonly jitter?: number;
  /** From 0 to 1, exclusive. */
  readonly random?: () => number;
}

/**
 * `min(maxMs, initialMs × multiplier^(failures − 1))`, of which the share `jitter` is drawn by lot, so that those who
 * failed together do not come again together.
 */
export const exponential =
  ({ initialMs, maxMs, multiplier = 2, jitter = 0, random = Math.random }: ExponentialDelay): RetryDelay =>
  (failures) => {
    // Nothing times an infinite factor is not a number.
    const delayMs = initialMs === 0 ? 0 : Math.min(maxMs, initialMs * multiplier ** (failures - 1));
    return delayMs * (1 - jitter) + delayMs * jitter * random();
  };

/** The same delay each time. */
export const fixed =
  (delayMs: number): RetryDelay =>
  () =>
    delayMs;
