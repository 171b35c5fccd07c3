// Calls nobody for a while after outages in a row, and then lets a few calls find out whether it is over.
import { CircuitOpen, faultOf, isOutage, type CircuitState } from '@groundwork/application';
import {
  BrokenCircuitError,
  circuitBreaker,
  CircuitState as State,
  ConsecutiveBreaker,
  handleWhen,
  type CircuitBreakerPolicy,
} from 'cockatiel';
import { rejections, type MakePattern, type Pattern, type PatternParts } from './pattern.ts';

export interface Breaker extends Pattern {
  readonly circuit: CircuitState;
}

export const breaker: MakePattern<Breaker> = (parts) => {
  const { dependency, settings, metrics } = parts;
  const { breakerFailuresMax, breakerOpenMs, breakerProbesMax } = settings;
  if (breakerFailuresMax === 0) return undefined;
  const policy = circuitBreaker(handleWhen(isCounted), {
    breaker: new ConsecutiveBreaker(breakerFailuresMax),
    halfOpenAfter: breakerOpenMs,
    halfOpenSampling: { calls: breakerProbesMax, threshold: 0 },
  });
  let probes = 0;
  policy.onHalfOpen(() => (probes = 0));
  let changes = 0;
  policy.onStateChange(() => changes++);
  observe(policy, parts);
  const rejected = rejections(metrics);
  const notCalled = (): CircuitOpen => {
    rejected.add(1, { dependency, reason: 'circuit-open' });
    return new CircuitOpen(dependency, Math.ceil(breakerOpenMs / 1_000), { cause: lastErrorOf(policy) });
  };
  return {
    get circuit() {
      return CIRCUITS[policy.state];
    },
    async execute(operation, { signal }) {
      // Cockatiel would let everybody else wait for what the probes find out, and then all go at once.
      if (policy.state === State.HalfOpen && probes >= breakerProbesMax) throw notCalled();
      try {
        return await policy.execute(async () => {
          const isProbe = policy.state === State.HalfOpen;
          if (isProbe) probes++;
          const changesBefore = changes;
          return operation(signal).catch((error: unknown) => {
            // Cockatiel would open a circuit for what began before it was opened and closed, or half closed, since.
            const isLate = changes !== changesBefore;
            // A caller who has given up says nothing about who was called, but a probe has failed.
            throw new Failed(error, !isLate && (signal.aborted ? isProbe : isOutage(error)));
          });
        });
      } catch (error) {
        if (error instanceof BrokenCircuitError) throw notCalled();
        throw error instanceof Failed ? error.reason : error;
      }
    },
  };
};

/** A failure, and whether it counts; never leaves this file. */
class Failed extends Error {
  readonly reason: unknown;
  readonly isCounted: boolean;
  constructor(reason: unknown, isCounted: boolean) {
    super('The call has failed.');
    this.reason = reason;
    this.isCounted = isCounted;
  }
}

const isCounted = (error: unknown): boolean => error instanceof Failed && error.isCounted;

const CIRCUITS: Readonly<Record<State, CircuitState>> = {
  [State.Closed]: 'closed',
  [State.HalfOpen]: 'half-open',
  [State.Open]: 'open',
  [State.Isolated]: 'open',
};
const CIRCUIT_VALUES: Readonly<Record<CircuitState, number>> = { closed: 0, 'half-open': 1, open: 2 };

function observe(policy: CircuitBreakerPolicy, { dependency, settings, metrics, logger }: PatternParts): void {
  const state = metrics.gauge(
    'groundwork_resilience_circuit_state',
    'Whether a dependency is called: 0 closed, 1 half open, 2 open.',
    ['dependency'],
  );
  state.set(CIRCUIT_VALUES.closed, { dependency });
  policy.onStateChange((changed) => {
    const circuit = CIRCUITS[changed];
    state.set(CIRCUIT_VALUES[circuit], { dependency });
    if (circuit === 'open') {
      const error = lastErrorOf(policy);
      logger.warn('A circuit has opened: the dependency is not called for a while.', {
        dependency,
        openMs: settings.breakerOpenMs,
        fault: faultOf(error),
        error,
      });
    } else if (circuit === 'half-open') {
      logger.info('A circuit is half open: a few calls find out whether the dependency is back.', { dependency });
    } else logger.info('A circuit has closed: the dependency is called again.', { dependency });
  });
}

function lastErrorOf({ lastFailure }: CircuitBreakerPolicy): unknown {
  const error = lastFailure !== undefined && 'error' in lastFailure ? lastFailure.error : undefined;
  return error instanceof Failed ? error.reason : error;
}
