// A strategy that cannot be reached is told once, and once more when it is back.
import { CodedError, type Logger } from '@groundwork/application';

export class Outage {
  readonly #logger: Logger;
  #sinceMs: number | undefined;
  #error: unknown;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** What was wrong when it was last tried; undefined while all is well. */
  get error(): unknown {
    return this.#sinceMs === undefined ? undefined : this.#error;
  }

  goesOn(error: unknown): void {
    this.#error = error;
    if (this.#sinceMs !== undefined) return;
    this.#sinceMs = performance.now();
    const code = error instanceof CodedError ? error.code : 'cache.unreachable';
    this.#logger.warn('The cache cannot be used for now; everything is read from where it is stored.', { code, error });
  }

  ended(): void {
    if (this.#sinceMs === undefined) return;
    const seconds = Math.round(performance.now() - this.#sinceMs) / 1_000;
    this.#sinceMs = undefined;
    this.#logger.info('The cache is used again.', { seconds });
  }
}
