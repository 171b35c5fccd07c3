// Waiting for something that may have happened, without asking again and again.
import { pause } from '@groundwork/application';

/** Everyone who waits goes on when `ring` is called, when the time is over, or when told to stop. */
export class WakeUp {
  #next = new AbortController();

  ring(): void {
    this.#next.abort();
    this.#next = new AbortController();
  }

  async wait(timeoutMs: number, stop?: AbortSignal): Promise<void> {
    const rung = this.#next.signal;
    await pause(timeoutMs, stop === undefined ? rung : AbortSignal.any([rung, stop]));
  }
}
