// Calls of a projection's handlers, none of which can hold its process for ever.
import { Misconfigured } from '../errors.ts';
import type { RecordedEvent } from '../events/event.ts';
import type { TimeLimit } from '../ports/time-limit.ts';
import { PROJECTION_RUNNER_DEFAULTS } from './projection-runner-settings.ts';
import type { Projection, Row } from './projection.ts';

const { attemptsMax: ATTEMPTS_MAX } = PROJECTION_RUNNER_DEFAULTS;

/** For one batch, with all its attempts. */
export class HandlerCalls {
  readonly #timeLimit: TimeLimit;
  readonly #timeoutMs: number;
  #isWary = false;

  constructor(timeLimit: TimeLimit, timeoutMs: number) {
    this.#timeLimit = timeLimit;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Calls once for each item, in order. What a call throws is handed to `failed`, and the next one follows. Behind one
   * that hangs, none does; its fault is Misconfigured `projection.handler-hung`. As long as nothing hangs, one limit
   * holds for all, which costs least; from then on for each, so that none is blamed for those before it.
   */
  each<T>(items: readonly T[], call: (item: T) => void, failed: (item: T, error: unknown) => void): void {
    const calls = this.#isWary ? items.map((item) => [item]) : [items];
    for (const together of calls) {
      const hung = this.#hungOf(together, call, failed);
      if (hung === undefined) continue;
      this.#isWary = true;
      return failed(hung.item, handlerHung(this.#timeoutMs));
    }
  }

  /**
   * What one call gives that changes nothing by itself; throws what it throws. One that hangs is called as often as a
   * worker would, and is then the fault of nobody else: Misconfigured `projection.handler-hung`.
   */
  value<T>(call: () => T): T {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const over = this.#timeLimit.run(this.#timeoutMs, call);
      if (over !== undefined) return over.value;
    }
    throw handlerHung(this.#timeoutMs);
  }

  #hungOf<T>(
    items: readonly T[],
    call: (item: T) => void,
    failed: (item: T, error: unknown) => void,
  ): { readonly item: T } | undefined {
    let current = 0;
    const over = this.#timeLimit.run(this.#timeoutMs, () => {
      for (; current < items.length; current++) {
        try {
          call(items[current]!);
        } catch (error) {
          failed(items[current]!, error);
        }
      }
    });
    return over === undefined && current < items.length ? { item: items[current]! } : undefined;
  }
}

/** The row after the event; throws Misconfigured `projection.handler-async` for a promise, which nobody waits for. */
export function rowAfter(projection: Projection, row: Row | undefined, event: RecordedEvent): Row | undefined {
  const after = projection.apply(row as never, event);
  if (after instanceof Promise) throw handlerAsync();
  return after;
}

const handlerAsync = (): Misconfigured =>
  new Misconfigured(
    'projection.handler-async',
    'The handler gave a promise: rows follow from rows and events alone, at once.',
    'Take `async` out of the handler, and let a process or a subscriber do what has to be waited for. Then retry.',
  );

export const isHung = (error: unknown): boolean =>
  error instanceof Misconfigured && error.code === 'projection.handler-hung';

export const handlerHung = (timeoutMs: number): Misconfigured =>
  new Misconfigured(
    'projection.handler-hung',
    `The handler of the event had not come to its end after ${timeoutMs} ms.`,
    'Correct the handler, or give it more time with GW_WORKER_HANDLER_TIMEOUT_MS. Then retry, or discard the event.',
    { timeoutMs },
  );
