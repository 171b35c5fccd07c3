// What is counted about calls to dependencies.
import type { Counter, Gauge, Metrics } from '@groundwork/application';

export interface ResilienceMetrics {
  readonly retries: Counter;
  readonly rejected: Counter;
  readonly timeouts: Counter;
  readonly circuitState: Gauge;
  readonly bulkheadCalls: Gauge;
}

export const resilienceMetrics = (metrics: Metrics): ResilienceMetrics => ({
  retries: metrics.counter('groundwork_resilience_retries_total', 'Calls to a dependency that were made again.', [
    'dependency',
  ]),
  rejected: metrics.counter(
    'groundwork_resilience_rejected_total',
    'Calls that were not made: circuit-open or bulkhead-full.',
    ['dependency', 'reason'],
  ),
  timeouts: metrics.counter('groundwork_resilience_timeouts_total', 'Calls that took too long and were cancelled.', [
    'dependency',
  ]),
  circuitState: metrics.gauge(
    'groundwork_resilience_circuit_state',
    'Whether a dependency is called: 0 closed, 1 half open, 2 open.',
    ['dependency'],
  ),
  bulkheadCalls: metrics.gauge('groundwork_resilience_bulkhead_calls', 'Calls that run or wait in a bulkhead.', [
    'dependency',
    'state',
  ]),
});
