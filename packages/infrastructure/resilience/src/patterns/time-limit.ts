// Ends an attempt that takes too long: its signal is aborted, and nobody waits for it any more.
import { TimedOut } from '@groundwork/application';
import { TaskCancelledError, timeout, TimeoutStrategy } from 'cockatiel';
import type { MakePattern } from './pattern.ts';

export const timeLimit: MakePattern = ({ dependency, settings: { timeoutMs }, metrics }) => {
  if (timeoutMs === 0) return undefined;
  const timeouts = metrics.counter(
    'groundwork_resilience_timeouts_total',
    'Calls to a dependency that took too long and were cancelled.',
    ['dependency'],
  );
  // A result may still be on its way when the call returns, as the body of an answer is: its signal stays.
  const policy = timeout(timeoutMs, { strategy: TimeoutStrategy.Aggressive, abortOnReturn: false });
  return {
    async execute(operation, { signal: caller }) {
      try {
        return await policy.execute(({ signal }) => operation(signal), caller);
      } catch (error) {
        caller.throwIfAborted();
        if (!(error instanceof TaskCancelledError)) throw error;
        timeouts.add(1, { dependency });
        throw new TimedOut(dependency, timeoutMs, { cause: error });
      }
    },
  };
};
