// The Resilience port: one breaker and one bulkhead for each dependency, and policies that put patterns around a call.
import {
  isRetryable,
  RESILIENCE_PATTERNS,
  type CallKind,
  type CircuitState,
  type Logger,
  type Metrics,
  type Policy,
  type PolicyCall,
  type PolicyChoice,
  type PolicySettings,
  type Resilience,
  type ResiliencePattern,
} from '@groundwork/application';
import { breaker, type Breaker } from './patterns/breaker.ts';
import { bulkhead } from './patterns/bulkhead.ts';
import type { Operation, Pattern, PatternParts } from './patterns/pattern.ts';
import { retry } from './patterns/retry.ts';
import { timeLimit } from './patterns/time-limit.ts';
import { resilienceMetrics, type ResilienceMetrics } from './resilience-metrics.ts';

/** What calls to one dependency have in common. */
interface Shared {
  readonly bulkhead: Pattern | undefined;
  readonly breaker: Breaker | undefined;
}

const NEVER = new AbortController().signal;

export class DependencyPolicies implements Resilience {
  readonly #settingsOf: (dependency: string) => PolicySettings;
  readonly #metrics: ResilienceMetrics;
  readonly #logger: Logger;
  readonly #shared = new Map<string, Shared>();

  constructor(settingsOf: (dependency: string) => PolicySettings, metrics: Metrics, logger: Logger) {
    this.#settingsOf = settingsOf;
    this.#metrics = resilienceMetrics(metrics);
    this.#logger = logger;
  }

  policyFor(dependency: string, choice: PolicyChoice = {}): Policy {
    const { patterns = RESILIENCE_PATTERNS, retryOn = isRetryable } = choice;
    const parts = this.#parts(dependency, { ...this.#settingsOf(dependency), ...choice.settings }, retryOn);
    const shared = this.#sharedBy(dependency);
    const made: Readonly<Record<ResiliencePattern, Pattern | undefined>> = {
      retry: retry(parts),
      bulkhead: shared.bulkhead,
      breaker: shared.breaker,
      timeout: timeLimit(parts),
    };
    const chosen = RESILIENCE_PATTERNS.filter((name) => patterns.includes(name)).flatMap((name) => made[name] ?? []);
    return new PatternPolicy(chosen, patterns.includes('breaker') ? shared.breaker : undefined);
  }

  #sharedBy(dependency: string): Shared {
    let shared = this.#shared.get(dependency);
    if (shared === undefined) {
      const parts = this.#parts(dependency, this.#settingsOf(dependency), isRetryable);
      this.#shared.set(dependency, (shared = { bulkhead: bulkhead(parts), breaker: breaker(parts) }));
    }
    return shared;
  }

  #parts(
    dependency: string,
    settings: PolicySettings,
    retryOn: (error: unknown, kind: CallKind) => boolean,
  ): PatternParts {
    return { dependency, settings, retryOn, metrics: this.#metrics, logger: this.#logger };
  }
}

class PatternPolicy implements Policy {
  readonly #patterns: readonly Pattern[];
  readonly #breaker: Breaker | undefined;

  /** From the outside in. */
  constructor(patterns: readonly Pattern[], breaker: Breaker | undefined) {
    this.#patterns = patterns;
    this.#breaker = breaker;
  }

  get circuit(): CircuitState {
    return this.#breaker?.circuit ?? 'closed';
  }

  async execute<T>(operation: Operation<T>, { kind = 'command', signal = NEVER }: PolicyCall = {}): Promise<T> {
    signal.throwIfAborted();
    const guarded = this.#patterns.reduceRight<Operation<T>>(
      (inner, pattern) => (innerSignal) => pattern.execute(inner, { kind, signal: innerSignal }),
      async (innerSignal) => operation(innerSignal),
    );
    return signal === NEVER ? guarded(signal) : unlessAborted(guarded(signal), signal);
  }
}

/** Nobody waits longer than they want to, whatever the work makes of its signal. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}
