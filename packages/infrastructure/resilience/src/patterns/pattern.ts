// What all patterns have in common: each is put around a call and knows nothing of the others.
import type { CallKind, Counter, Logger, Metrics, PolicySettings } from '@groundwork/application';

export type Operation<T> = (signal: AbortSignal) => Promise<T>;

/** What a pattern knows of the call it is put around. */
export interface PatternCall {
  readonly kind: CallKind;
  readonly signal: AbortSignal;
}

/** What a pattern is made of, once for each dependency. */
export interface PatternParts {
  readonly dependency: string;
  readonly settings: PolicySettings;
  readonly retryOn: (error: unknown, kind: CallKind) => boolean;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

export interface Pattern {
  execute<T>(operation: Operation<T>, call: PatternCall): Promise<T>;
}

/** Undefined when the settings turn the pattern off. */
export type MakePattern<Made extends Pattern = Pattern> = (parts: PatternParts) => Made | undefined;

/** Counts the calls that a pattern turned away, by its reason. */
export const rejections = (metrics: Metrics): Counter =>
  metrics.counter(
    'groundwork_resilience_rejected_total',
    'Calls to a dependency that were not made: circuit-open or bulkhead-full.',
    ['dependency', 'reason'],
  );
