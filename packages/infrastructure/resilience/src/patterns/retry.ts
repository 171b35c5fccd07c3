// Makes a call again after an error that passes.
import { pause, RetryExhausted } from '@groundwork/application';
import type { MakePattern, PatternParts } from './pattern.ts';

// Not cockatiel's, whose pause between two attempts goes on after the caller has given up.
export const retry: MakePattern = (parts) => {
  const { attemptsMax, retryDelay, retryWithinMs } = parts.settings;
  if (attemptsMax <= 1) return undefined;
  const retries = parts.metrics.counter(
    'groundwork_resilience_retries_total',
    'Calls to a dependency that were made again.',
    ['dependency'],
  );
  return {
    async execute(operation, { kind, signal }) {
      const beganAt = performance.now();
      for (let attempts = 1; ; attempts++) {
        try {
          return await operation(signal);
        } catch (error) {
          if (signal.aborted || !parts.retryOn(error, kind)) throw error;
          const delayMs = retryDelay(attempts, error);
          const isLate = performance.now() - beganAt + delayMs > retryWithinMs;
          if (attempts >= attemptsMax || isLate) throw exhausted(parts, attempts, error);
          retries.add(1, { dependency: parts.dependency });
          await pause(delayMs, signal);
          signal.throwIfAborted();
        }
      }
    },
  };
};

const exhausted = ({ dependency }: PatternParts, attempts: number, cause: unknown): RetryExhausted =>
  new RetryExhausted(dependency, attempts, { cause });
