// Work that goes on until it is told to stop, and is begun again when it crashes.
import { pause, type Logger, type Metrics } from '@groundwork/application';

export interface WorkerLoop {
  readonly name: string;
  /** False for what others hold up when they are away: it is an alarm then, and the worker stays ready. */
  readonly isVital?: boolean;
  /** When the loop last gave a sign of life. */
  readonly lastBeatAt: Date | undefined;
  /** Works until `stop` is aborted, then ends what has begun. */
  run(stop: AbortSignal): Promise<void>;
}

/** A loop under the name by which logs and the watch know it. */
export const named = (name: string, loop: Omit<WorkerLoop, 'name' | 'isVital'>, isVital = true): WorkerLoop => ({
  name,
  isVital,
  get lastBeatAt() {
    return loop.lastBeatAt;
  },
  run: (stop) => loop.run(stop),
});

export interface LoopCare {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly restartDelayMs: number;
  readonly restartDelayMaxMs: number;
}

/**
 * Keeps one loop running; a crash is logged, counted, and followed by a new start after a pause that grows until the
 * loop has run for a while. Never rejects.
 */
export async function keepRunning(loop: WorkerLoop, stop: AbortSignal, care: LoopCare): Promise<void> {
  const restarts = care.metrics.counter('groundwork_worker_loop_restarts_total', 'Loops that crashed.', ['loop']);
  let delayMs = care.restartDelayMs;
  while (!stop.aborted) {
    const startedAtMs = performance.now();
    try {
      await loop.run(stop);
      if (stop.aborted) return;
      throw new Error('The loop ended though nobody told it to stop.');
    } catch (error) {
      if (performance.now() - startedAtMs > care.restartDelayMaxMs) delayMs = care.restartDelayMs;
      restarts.add(1, { loop: loop.name });
      care.logger.error('A loop crashed; it is started again.', { loop: loop.name, delayMs, error });
    }
    await pause(delayMs, stop);
    delayMs = Math.min(delayMs * 2, care.restartDelayMaxMs);
  }
}
