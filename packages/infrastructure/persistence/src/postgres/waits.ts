// Everybody who waits for a channel, until it is rung.
import type { ChangeChannel } from '@groundwork/application';

export class Waits {
  readonly #waiters = new Map<ChangeChannel, Set<() => void>>([
    ['log', new Set()],
    ['commands', new Set()],
  ]);

  /** Resolves at the next ring, after `timeoutMs`, or when `stop` is aborted. */
  wait(channel: ChangeChannel, timeoutMs: number, stop?: AbortSignal): Promise<void> {
    const waiters = this.#waiters.get(channel)!;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        waiters.delete(done);
        stop?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      waiters.add(done);
      stop?.addEventListener('abort', done);
      if (stop?.aborted === true) done();
    });
  }

  ring(channel: ChangeChannel): void {
    for (const waiter of [...this.#waiters.get(channel)!]) waiter();
  }

  ringAll(): void {
    for (const channel of this.#waiters.keys()) this.ring(channel);
  }
}
