// The Resilience port: policies that put patterns around a call.
import {
  BulkheadFull,
  CircuitOpen,
  isRetryable,
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
// #region bulkhead-import
import { bulkhead } from './patterns/bulkhead.ts';
// #endregion
import type { MakePattern, Operation, Pattern, PatternParts } from './patterns/pattern.ts';
import { retry } from './patterns/retry.ts';
import { timeLimit } from './patterns/time-limit.ts';

interface KnownPattern {
  readonly make: MakePattern;
  /** It remembers calls: all policies of a dependency have the same one. */
  readonly isShared: boolean;
}

/** From the outside in. */
const PATTERNS: Readonly<Record<ResiliencePattern, KnownPattern>> = {
  retry: { make: retry, isShared: false },
  // #region bulkhead-place
  bulkhead: { make: bulkhead, isShared: true },
  // #endregion
  breaker: { make: breaker, isShared: true },
  timeout: { make: timeLimit, isShared: false },
};
const NAMES = Object.keys(PATTERNS) as readonly ResiliencePattern[];

/** What was not called has not failed either. */
const isToBeRepeated = (error: unknown, kind: CallKind): boolean =>
  !(error instanceof CircuitOpen || error instanceof BulkheadFull) && isRetryable(error, kind);

const NEVER = new AbortController().signal;

export class DependencyPolicies implements Resilience {
  readonly #settingsOf: (dependency: string) => PolicySettings;
  readonly #metrics: Metrics;
  readonly #logger: Logger;
  /** By dependency and pattern. */
  readonly #shared = new Map<string, Pattern | undefined>();

  constructor(settingsOf: (dependency: string) => PolicySettings, metrics: Metrics, logger: Logger) {
    this.#settingsOf = settingsOf;
    this.#metrics = metrics;
    this.#logger = logger;
  }

  policyFor(dependency: string, { patterns = NAMES, settings, retryOn = isToBeRepeated }: PolicyChoice = {}): Policy {
    const parts: PatternParts = {
      dependency,
      settings: { ...this.#settingsOf(dependency), ...settings },
      retryOn,
      metrics: this.#metrics,
      logger: this.#logger,
    };
    return new PatternPolicy(
      NAMES.filter((name) => patterns.includes(name)).flatMap((name) => this.#made(name, parts) ?? []),
    );
  }

  #made(name: ResiliencePattern, parts: PatternParts): Pattern | undefined {
    const { make, isShared } = PATTERNS[name];
    if (!isShared) return make(parts);
    const key = `${parts.dependency}/${name}`;
    if (!this.#shared.has(key)) this.#shared.set(key, make(parts));
    return this.#shared.get(key);
  }
}

class PatternPolicy implements Policy {
  readonly #patterns: readonly Pattern[];
  readonly #breaker: Breaker | undefined;

  /** From the outside in. */
  constructor(patterns: readonly Pattern[]) {
    this.#patterns = patterns;
    this.#breaker = patterns.find((pattern): pattern is Breaker => 'circuit' in pattern);
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
