import { eventually, MemoryLogger, MemoryMetrics } from '@groundwork/testing';
import { describe, expect, it } from '@jest/globals';
import { keepRunning, type WorkerLoop } from './worker-loop.ts';
import { Worker } from './worker.ts';

const care = () => ({
  logger: new MemoryLogger(),
  metrics: new MemoryMetrics(),
  restartDelayMs: 1,
  restartDelayMaxMs: 4,
});

const untilAborted = (stop: AbortSignal): Promise<void> =>
  new Promise((resolve) => stop.addEventListener('abort', () => resolve(), { once: true }));

/** A loop that crashes as often as it is told to, then works until it is stopped. */
class Loop implements WorkerLoop {
  readonly name: string;
  readonly lastBeatAt = undefined;
  crashes: number;
  runs = 0;
  ended = false;
  constructor(name: string, crashes = 0) {
    this.name = name;
    this.crashes = crashes;
  }
  async run(stop: AbortSignal): Promise<void> {
    this.runs++;
    if (this.runs <= this.crashes) throw new Error(`crash ${this.runs}`);
    await untilAborted(stop);
    this.ended = true;
  }
}

describe('A loop that crashes', () => {
  it('is started again, with an error line and a count for each crash', async () => {
    const [its, loop, stop] = [care(), new Loop('commands', 3), new AbortController()];
    const kept = keepRunning(loop, stop.signal, its);
    await eventually(() => loop.runs === 4);
    stop.abort();
    await kept;
    expect(its.logger.lines.filter(({ level }) => level === 'error')).toHaveLength(3);
    expect(its.metrics.value('groundwork_worker_loop_restarts_total', { loop: 'commands' })).toBe(3);
  });

  it('is started again also when it ends as if it had been told to', async () => {
    const [its, stop] = [care(), new AbortController()];
    let runs = 0;
    const kept = keepRunning({ name: 'idle', lastBeatAt: undefined, run: async () => void runs++ }, stop.signal, its);
    await eventually(() => runs > 2);
    stop.abort();
    await kept;
  });

  it('never stops the others', async () => {
    const [broken, healthy] = [new Loop('broken', Infinity), new Loop('healthy')];
    const worker = new Worker([broken, healthy], care());
    worker.start();
    await eventually(() => broken.runs > 3);
    expect(healthy).toMatchObject({ runs: 1, ended: false });
    await worker.stop();
    expect(healthy.ended).toBe(true);
  });
});

describe('A worker that stops', () => {
  it('waits until every loop has ended what it had begun', async () => {
    const finished = Promise.withResolvers<void>();
    let state = 'working';
    const slow: WorkerLoop = {
      name: 'slow',
      lastBeatAt: undefined,
      run: async (stop) => {
        await untilAborted(stop);
        state = 'finishing';
        await finished.promise;
        state = 'finished';
      },
    };
    const worker = new Worker([slow], care());
    worker.start();
    const stopped = worker.stop();
    await eventually(() => state === 'finishing');
    finished.resolve();
    await stopped;
    expect(state).toBe('finished');
  });
});
