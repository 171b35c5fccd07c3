// Everything that goes on in the background of one process.
import { keepRunning, type LoopCare, type WorkerLoop } from './worker-loop.ts';

export class Worker {
  readonly #loops: readonly WorkerLoop[];
  readonly #care: LoopCare;
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(loops: readonly WorkerLoop[], care: LoopCare) {
    this.#loops = loops;
    this.#care = care;
  }

  /** Starts every loop; none waits for another. */
  start(): void {
    this.#care.logger.info('The worker runs.', { loops: this.#loops.map(({ name }) => name) });
    this.#running = Promise.all(this.#loops.map((loop) => keepRunning(loop, this.#stop.signal, this.#care)));
  }

  /** Resolves when every loop has ended what it had begun and given its leases back. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#care.logger.info('The worker has stopped.');
  }
}
