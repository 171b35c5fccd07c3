// How specs open strategies on a Redis.
import type { CacheStrategy } from '@groundwork/application';
import { eventually } from '@groundwork/testing';

/** As the breaker and the time limit of the programs, without their memory of earlier outages. */
export const limited =
  (limitMs = 200) =>
  <T>(operation: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    operation(AbortSignal.timeout(limitMs));

/** The strategy, once it answers. */
export async function opened<Strategy extends CacheStrategy>(strategy: Strategy): Promise<Strategy> {
  await eventually(async () => {
    await strategy.check();
    return true;
  });
  return strategy;
}
