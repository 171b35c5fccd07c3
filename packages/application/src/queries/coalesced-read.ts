// Many who wait for the same thing look at it together.
import { pause } from '../pause.ts';

/** However many ask, one look at a time is taken, and no two within `intervalMs`. */
export class CoalescedRead<T> {
  readonly #look: () => Promise<T>;
  readonly #intervalMs: number;
  /** The look that has not begun yet: whoever asks now shares it. */
  #next: Promise<T> | undefined;
  #present: Promise<unknown> = Promise.resolve();
  #lookedAtMs = -Infinity;

  constructor(look: () => Promise<T>, intervalMs: number) {
    this.#look = look;
    this.#intervalMs = intervalMs;
  }

  /** What a look gives that begins after the question. */
  ask(): Promise<T> {
    if (this.#next !== undefined) return this.#next;
    const next = this.#afterThePresent();
    this.#next = next;
    this.#present = next.catch(() => undefined);
    return next;
  }

  async #afterThePresent(): Promise<T> {
    await this.#present;
    const waitMs = this.#lookedAtMs + this.#intervalMs - performance.now();
    if (waitMs > 0) await pause(waitMs);
    this.#next = undefined;
    this.#lookedAtMs = performance.now();
    return this.#look();
  }
}
