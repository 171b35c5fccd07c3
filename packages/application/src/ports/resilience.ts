// Calls to what may be away: repeated, limited in time and number, and not made at all while nobody answers.
import { port } from '../port.ts';
import type { CallKind } from '../resilience/faults.ts';
import type { RetryDelay } from '../resilience/retry-delay.ts';

/** What surrounds a call, from the outside in. */
export type ResiliencePattern = 'retry' | 'bulkhead' | 'breaker' | 'timeout';

export interface PolicySettings {
  /** How often a call is made at most; 1 never repeats it. */
  readonly attemptsMax: number;
  /** Between two attempts. */
  readonly retryDelay: RetryDelay;
  /** No attempt begins later than this after the first. */
  readonly retryWithinMs: number;
  /** Consecutive outages after which nobody is called any more; 0 means no breaker. */
  readonly breakerFailuresMax: number;
  /** How long nobody is called, until a few calls find out. */
  readonly breakerOpenMs: number;
  /** How many calls find out; one that fails opens the breaker again, all of them close it. */
  readonly breakerProbesMax: number;
  /** How long one attempt may take before its signal is aborted; 0 means no limit. */
  readonly timeoutMs: number;
  // #region bulkhead
  /** Calls under way at the same time; 0 means no limit. */
  readonly concurrentMax: number;
  /** Calls that wait for one of these to end. */
  readonly waitingMax: number;
  // #endregion
}

export interface PolicyChoice {
  /** Only these patterns of the dependency; all of them unless told. */
  readonly patterns?: readonly ResiliencePattern[];
  /** Instead of what is set for the dependency; its breaker and its bulkhead are the same for all. */
  readonly settings?: Partial<Pick<PolicySettings, 'attemptsMax' | 'retryDelay' | 'retryWithinMs' | 'timeoutMs'>>;
  /**
   * Which errors another attempt follows; by default what `isRetryable` says, and neither an open circuit nor a full
   * bulkhead: nobody was called, so that nobody has to be called again at once.
   */
  readonly retryOn?: (error: unknown, kind: CallKind) => boolean;
}

export interface PolicyCall {
  /** `command` unless told. Only a read is repeated after an error that nobody knows. */
  readonly kind?: CallKind;
  /** Ends the call: waiting and pauses end at once, and the signal of the operation is aborted. */
  readonly signal?: AbortSignal;
}

export type CircuitState = 'closed' | 'half-open' | 'open';

export interface Policy {
  /**
   * Runs `operation`, again after errors that pass. It has to give up its work, free what it holds and reject when its
   * signal is aborted, and may be run more than once: what it changes there needs an id by which a repetition is known.
   *
   * Rejects with the operation's own error when that is not to be repeated; RetryExhausted
   * `resilience.retry-exhausted`, TimedOut `resilience.timed-out` and CircuitOpen `resilience.circuit-open`
   * carry the last error as `cause`; BulkheadFull `resilience.bulkhead-full` knows of none. Once `signal` is aborted it
   * rejects with its reason.
   */
  execute<T>(operation: (signal: AbortSignal) => Promise<T>, call?: PolicyCall): Promise<T>;
  /** `closed` where there is no breaker. */
  readonly circuit: CircuitState;
}

/** The policies of everything that this process calls. */
export interface Resilience {
  /**
   * The policy of a dependency such as `redis`, as it is set. All policies of one dependency share its breaker and its
   * bulkhead.
   */
  policyFor(dependency: string, choice?: PolicyChoice): Policy;
}
export const Resilience = port<Resilience>('Resilience');
