// What each named cache does, in figures.
import type { Counter, Histogram, Metrics } from '@groundwork/application';

export class CacheMeter {
  readonly #labels: { readonly cache: string };
  readonly #hits: Counter;
  readonly #misses: Counter;
  readonly #errors: Counter;
  readonly #durations: Histogram;

  constructor(cache: string, metrics: Metrics) {
    this.#labels = { cache };
    this.#hits = metrics.counter('groundwork_cache_hits_total', 'Values that were found in a cache.', ['cache']);
    this.#misses = metrics.counter('groundwork_cache_misses_total', 'Values that had to be loaded.', ['cache']);
    this.#errors = metrics.counter('groundwork_cache_errors_total', 'What a cache could not do.', ['cache']);
    this.#durations = metrics.histogram(
      'groundwork_cache_operation_duration_seconds',
      'How long an operation took; values at hand in the process are not timed.',
      ['cache', 'operation'],
    );
  }

  hit(): void {
    this.#hits.add(1, this.#labels);
  }

  miss(): void {
    this.#misses.add(1, this.#labels);
  }

  failed(): void {
    this.#errors.add(1, this.#labels);
  }

  took(operation: string, ms: number): void {
    this.#durations.observe(ms / 1_000, { ...this.#labels, operation });
  }
}
