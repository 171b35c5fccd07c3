// How a command is tried again after an error that may pass, and how it ends when it was tried often enough.
import { Refusal, type CodedError } from '@groundwork/domain';
import { Misconfigured } from '../errors.ts';
import { exponential } from '../resilience/retry-delay.ts';
import { gaveUp } from './command-error.ts';

/** Errors of parts that are away do not count: a command waits for them as long as it takes. */
export interface CommandRetryPolicy {
  /** How often a command may be refused for now, meet errors that nobody foresaw, or end its process; from 1. */
  readonly attemptsMax: number;
  /** Before the second attempt; doubled before each further one. */
  readonly retryDelayMs: number;
  readonly retryDelayMaxMs: number;
}

/** Before the attempt that follows the given one. */
export const delayMsOf = (
  { retryDelayMs, retryDelayMaxMs }: Pick<CommandRetryPolicy, 'retryDelayMs' | 'retryDelayMaxMs'>,
  attempts: number,
): number => exponential({ initialMs: retryDelayMs, maxMs: retryDelayMaxMs })(attempts);

/** What a command has failed with: the rule that refused it to the last, or that it was given up, and why. */
export const exhausted = (attempts: number, last: unknown): CodedError =>
  last instanceof Refusal ? last : gaveUp(attempts, last);

/** Throws Misconfigured `command.malformed-retry`. */
export function refuseMalformedRetry(type: string, policy: Partial<CommandRetryPolicy> = {}): void {
  for (const [name, value] of Object.entries(policy)) {
    const least = name === 'attemptsMax' ? 1 : 0;
    if (Number.isInteger(value) && value >= least) continue;
    throw new Misconfigured(
      'command.malformed-retry',
      `The retry policy of ${type} has ${name} ${value}.`,
      `Give a whole number from ${least}, or leave it out: then what is set for the worker holds.`,
    );
  }
}
