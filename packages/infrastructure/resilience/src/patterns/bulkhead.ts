// Lets a few calls run at the same time and a few wait, so that a slow dependency cannot take everything with it.
import { BulkheadFull } from '@groundwork/application';
import { rejections, type MakePattern } from './pattern.ts';

// Not cockatiel's, in whose queue a caller who has given up keeps the place of another until it is their turn.
export const bulkhead: MakePattern = ({ dependency, settings: { concurrentMax, waitingMax }, metrics }) => {
  if (concurrentMax === 0) return undefined;
  const rejected = rejections(metrics);
  const calls = metrics.gauge('groundwork_resilience_bulkhead_calls', 'Calls that run or wait in a bulkhead.', [
    'dependency',
    'state',
  ]);
  let running = 0;
  /** In the order in which they came. */
  const waiting = new Set<() => void>();
  const measure = (): void => {
    calls.set(running, { dependency, state: 'running' });
    calls.set(waiting.size, { dependency, state: 'waiting' });
  };
  measure();

  const turn = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const begin = (): void => {
        signal.removeEventListener('abort', giveUp);
        waiting.delete(begin);
        running++;
        resolve();
      };
      const giveUp = (): void => {
        waiting.delete(begin);
        measure();
        reject(signal.reason);
      };
      waiting.add(begin);
      signal.addEventListener('abort', giveUp, { once: true });
      if (running < concurrentMax) begin();
      measure();
    });
  const leave = (): void => {
    running--;
    const [next] = waiting;
    next?.();
    measure();
  };

  return {
    async execute(operation, { signal }) {
      signal.throwIfAborted();
      if (running >= concurrentMax && waiting.size >= waitingMax) {
        rejected.add(1, { dependency, reason: 'bulkhead-full' });
        throw new BulkheadFull(dependency, concurrentMax);
      }
      await turn(signal);
      try {
        signal.throwIfAborted();
        return await operation(signal);
      } finally {
        leave();
      }
    },
  };
};
