// Lets a few calls run at the same time and a few wait, so that a slow dependency cannot take everything with it.
import { BulkheadFull } from '@groundwork/application';
import { bulkhead as cockatielBulkhead, BulkheadRejectedError } from 'cockatiel';
import { rejections, type MakePattern } from './pattern.ts';

export const bulkhead: MakePattern = ({ dependency, settings: { concurrentMax, waitingMax }, metrics }) => {
  if (concurrentMax === 0) return undefined;
  const policy = cockatielBulkhead(concurrentMax, waitingMax);
  const rejected = rejections(metrics);
  const calls = metrics.gauge('groundwork_resilience_bulkhead_calls', 'Calls that run or wait in a bulkhead.', [
    'dependency',
    'state',
  ]);
  const measure = (): void => {
    calls.set(concurrentMax - policy.executionSlots, { dependency, state: 'running' });
    calls.set(waitingMax - policy.queueSlots, { dependency, state: 'waiting' });
  };
  measure();
  return {
    async execute(operation, { signal }) {
      try {
        const result = policy.execute(() => operation(signal), signal);
        measure();
        return await result;
      } catch (error) {
        if (!(error instanceof BulkheadRejectedError)) throw error;
        rejected.add(1, { dependency, reason: 'bulkhead-full' });
        throw new BulkheadFull(dependency, concurrentMax, { cause: error });
      } finally {
        measure();
      }
    },
  };
};
