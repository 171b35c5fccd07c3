// How a runner tries events again, and tells of those that it gives up.
import { CodedError } from '@groundwork/domain';
import type { Logger } from '../ports/logger.ts';
import type { RetryPolicy } from './projection-batch.ts';
import type { ProjectionRunnerSettings } from './projection-runner-settings.ts';

export const retryPolicy = (
  { attemptsMax, retryDelayMs: delayMs }: ProjectionRunnerSettings,
  { onRetry, onPark, logger }: { onRetry: () => Promise<void>; onPark: () => void; logger: Logger },
): RetryPolicy => ({
  attemptsMax,
  delayMs,
  onRetry,
  onPark: ({ eventId, eventType, position, error }, cause) => {
    onPark();
    logger.error('A stream is parked behind an event that cannot be applied.', {
      eventId,
      eventType,
      position: String(position),
      code: error.code,
      error: cause instanceof CodedError ? cause.message : cause,
    });
  },
});
