// Repeated calls on a fake clock.
import {
  Conflict,
  exponential,
  fixed,
  InvalidInput,
  RetryExhausted,
  type PolicyCall,
  type PolicyChoice,
  type PolicySettings,
} from '@groundwork/application';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { policiesUnderTest, refused } from '../policies-under-test.ts';
import { POLICY_DEFAULTS } from '../resilience.settings.ts';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const conflict = new Conflict('note.taken', 'It is taken.', 'Choose another.');

/** Calls what fails with one error after the other, and then succeeds; tells when each attempt was made. */
async function called(
  settings: Partial<PolicySettings>,
  errors: readonly unknown[],
  { choice, ...call }: PolicyCall & { readonly choice?: PolicyChoice } = {},
) {
  const { policy, metrics } = policiesUnderTest(settings, choice);
  const beganAt = Date.now();
  const attemptsAtMs: number[] = [];
  const operation = async () => {
    attemptsAtMs.push(Date.now() - beganAt);
    if (attemptsAtMs.length <= errors.length) throw errors[attemptsAtMs.length - 1];
    return 'fired';
  };
  const outcome = policy.execute(operation, call).catch((error: unknown) => error);
  await jest.runAllTimersAsync();
  return { outcome: await outcome, attemptsAtMs, retries: metrics.value(RETRIES, { dependency: 'kiln' }) };
}
const RETRIES = 'groundwork_resilience_retries_total';
const outages = (count: number) => Array.from({ length: count }, refused);

describe('a call that is repeated', () => {
  it.each([
    ['exponential', exponential({ initialMs: 1_000, maxMs: 3_000 }), [0, 1_000, 3_000, 6_000, 9_000]],
    [
      'exponential with jitter',
      exponential({ initialMs: 1_000, maxMs: 3_000, jitter: 0.5, random: () => 0.5 }),
      [0, 750, 2_250, 4_500, 6_750],
    ],
    ['fixed', fixed(200), [0, 200, 400, 600, 800]],
    ['a function of one’s own', (failures: number) => failures ** 2 * 10, [0, 10, 50, 140, 300]],
  ])('S3-29 waits as its delay says: %s', async (_name, retryDelay, expected) => {
    const { outcome, attemptsAtMs, retries } = await called({ attemptsMax: 5, retryDelay }, outages(4));
    expect([outcome, attemptsAtMs, retries]).toEqual(['fired', expected, 4]);
  });

  it('S3-30 is made three times by default, after 1 s and twice as much, at most 30 s', async () => {
    const { attemptsMax, retryDelayMs: initialMs, retryDelayMaxMs: maxMs } = POLICY_DEFAULTS;
    expect({ attemptsMax, initialMs, maxMs }).toEqual({ attemptsMax: 3, initialMs: 1_000, maxMs: 30_000 });
    const errors = outages(3);
    const { outcome, attemptsAtMs } = await called(
      { attemptsMax, retryDelay: exponential({ initialMs, maxMs }) },
      errors,
    );
    expect(attemptsAtMs).toEqual([0, 1_000, 3_000]);
    expect(outcome).toBeInstanceOf(RetryExhausted);
    expect(outcome).toMatchObject({ code: 'resilience.retry-exhausted', attempts: 3 });
    expect((outcome as Error).cause).toBe(errors[2]);
  });

  it('S3-30 stops at once at an error that does not pass, and hands it on as it is', async () => {
    const invalid = new InvalidInput('kiln.too-hot', 'Too hot.', 'Choose less.');
    const { outcome, attemptsAtMs } = await called({ attemptsMax: 5 }, [refused(), invalid]);
    expect(outcome).toBe(invalid);
    expect(attemptsAtMs).toHaveLength(2);
  });

  it('S3-30 follows the errors that its caller lists, and no others', async () => {
    const choice: PolicyChoice = { retryOn: (error) => error instanceof Conflict };
    const listed = await called({ attemptsMax: 5 }, [conflict, conflict], { choice });
    expect([listed.outcome, listed.attemptsAtMs.length]).toEqual(['fired', 3]);
    const error = refused();
    const other = await called({ attemptsMax: 5 }, [error], { choice });
    expect(other.outcome).toBe(error);
    expect(other.attemptsAtMs).toHaveLength(1);
  });

  it('S3-34 is repeated after an error that nobody knows when it reads, and not when it is a command', async () => {
    const unknown = new TypeError('undefined is not a function');
    const read = await called({ attemptsMax: 3 }, [unknown], { kind: 'read' });
    const command = await called({ attemptsMax: 3 }, [unknown]);
    expect([read.outcome, command.outcome]).toEqual(['fired', unknown]);
  });

  it('S3-30 ends within its pause when the caller gives up, with their reason and without another attempt', async () => {
    const { policy } = policiesUnderTest({ attemptsMax: 5, retryDelay: fixed(30_000) });
    const caller = new AbortController();
    const reason = new Error('The request was closed.');
    let attempts = 0;
    const outcome = policy
      .execute(async () => Promise.reject(refused()).finally(() => attempts++), { signal: caller.signal })
      .catch((error: unknown) => error);
    await jest.advanceTimersByTimeAsync(10_000);
    caller.abort(reason);
    await expect(outcome).resolves.toBe(reason);
    expect([attempts, jest.getTimerCount()]).toEqual([1, 0]);
  });

  it('S3-30 is not made at all when the caller has given up before', async () => {
    const operation = jest.fn(() => Promise.resolve('fired'));
    const { policy } = policiesUnderTest({ attemptsMax: 5 });
    await expect(policy.execute(operation, { signal: AbortSignal.abort(conflict) })).rejects.toBe(conflict);
    expect(operation).not.toHaveBeenCalled();
  });

  it('begins no attempt later than it may', async () => {
    const settings = { attemptsMax: 100, retryDelay: fixed(300), retryWithinMs: 1_000 };
    const { outcome, attemptsAtMs } = await called(settings, outages(50));
    expect(attemptsAtMs).toEqual([0, 300, 600, 900]);
    expect(outcome).toMatchObject({ code: 'resilience.retry-exhausted', attempts: 4 });
  });
});
