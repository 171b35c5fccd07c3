// When nobody is called, on a fake clock.
import { CircuitOpen, InvalidInput, type Policy } from '@groundwork/application';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { open, policiesUnderTest, refused, type PoliciesUnderTest } from '../policies-under-test.ts';

const OPEN_MS = 10_000;
const SETTINGS = { breakerFailuresMax: 3, breakerOpenMs: OPEN_MS, breakerProbesMax: 2 };

let under: PoliciesUnderTest;
let policy: Policy;
beforeEach(() => {
  jest.useFakeTimers();
  under = policiesUnderTest(SETTINGS);
  policy = under.policy;
});
afterEach(() => void jest.useRealTimers());

const outcomeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'ok',
    (error: unknown) => (error instanceof CircuitOpen ? 'not called' : 'failed'),
  );
const fail = (error: unknown = refused()) => outcomeOf(policy.execute(() => Promise.reject(error)));
const succeed = () => outcomeOf(policy.execute(() => Promise.resolve('fired')));
const failUntilOpen = async () => {
  for (let failures = 0; failures < SETTINGS.breakerFailuresMax; failures++) await fail();
};
const state = () => under.metrics.value('groundwork_resilience_circuit_state', { dependency: 'kiln' });
const rejected = () =>
  under.metrics.value('groundwork_resilience_rejected_total', { dependency: 'kiln', reason: 'circuit-open' });

describe('a breaker', () => {
  it('S3-31 opens after its count of failures in a row, and then calls nobody', async () => {
    await fail();
    await fail();
    await succeed();
    await fail();
    await fail();
    expect(policy.circuit).toBe('closed');
    await fail();
    expect(policy.circuit).toBe('open');

    const operation = jest.fn(() => Promise.resolve('fired'));
    const outcomes = await Promise.all(Array.from({ length: 100 }, () => outcomeOf(policy.execute(operation))));
    expect(new Set(outcomes)).toEqual(new Set(['not called']));
    expect(operation).not.toHaveBeenCalled();
    expect(rejected()).toBe(100);
  });

  it('S3-35 says that it is open, for how long, and what came last', async () => {
    const last = refused();
    await fail();
    await fail();
    await fail(last);
    const error = await policy.execute(() => Promise.resolve()).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'resilience.circuit-open', retryAfterSeconds: OPEN_MS / 1_000, cause: last });
  });

  it('S3-31 lets a few of 100 callers find out when its time is over, and the others not through', async () => {
    await failUntilOpen();
    jest.advanceTimersByTime(OPEN_MS - 1);
    expect(await succeed()).toBe('not called');
    jest.advanceTimersByTime(1);

    const answer = open();
    const operation = jest.fn(() => answer.promise);
    const outcomes = Array.from({ length: 100 }, () => outcomeOf(policy.execute(operation)));
    // Those who are turned away hear it at once, not when the others have found out.
    const turnedAway = await Promise.all(outcomes.slice(SETTINGS.breakerProbesMax));
    expect(new Set(turnedAway)).toEqual(new Set(['not called']));
    expect([operation.mock.calls.length, policy.circuit]).toEqual([SETTINGS.breakerProbesMax, 'half-open']);

    answer.resolve('fired');
    expect(await Promise.all(outcomes.slice(0, 2))).toEqual(['ok', 'ok']);
    expect(policy.circuit).toBe('closed');
    expect(await Promise.all(Array.from({ length: 100 }, succeed))).not.toContain('not called');
  });

  it('S3-31 opens again when a call that finds out fails, for its whole time', async () => {
    await failUntilOpen();
    jest.advanceTimersByTime(OPEN_MS);
    expect(await succeed()).toBe('ok');
    expect(policy.circuit).toBe('half-open');
    expect(await fail()).toBe('failed');
    expect(policy.circuit).toBe('open');
    jest.advanceTimersByTime(OPEN_MS - 1);
    expect(await succeed()).toBe('not called');
    jest.advanceTimersByTime(1);
    expect([await succeed(), await succeed(), policy.circuit]).toEqual(['ok', 'ok', 'closed']);
  });

  it('S3-31 does not hear those who began before it opened and fail when it is finding out, or later', async () => {
    const [late, later] = [open(), open()];
    const outcomes = [late, later].map(({ promise }) => outcomeOf(policy.execute(() => promise)));
    await failUntilOpen();
    jest.advanceTimersByTime(OPEN_MS);
    await succeed();
    expect(policy.circuit).toBe('half-open');
    late.reject(refused());
    expect([await outcomes[0], policy.circuit]).toEqual(['failed', 'half-open']);
    await succeed();
    expect(policy.circuit).toBe('closed');

    for (let failures = 1; failures < SETTINGS.breakerFailuresMax; failures++) await fail();
    later.reject(refused());
    expect([await outcomes[1], policy.circuit]).toEqual(['failed', 'closed']);
    await fail();
    expect(policy.circuit).toBe('open');
  });

  it('S3-32 does not count what says nothing about the health of who was called', async () => {
    const invalid = new InvalidInput('kiln.too-hot', 'Too hot.', 'Choose less.');
    for (const error of [invalid, Object.assign(new Error(), { code: '23505' }), new TypeError('no')]) {
      for (let failures = 0; failures < 10; failures++) expect(await fail(error)).toBe('failed');
    }
    expect([policy.circuit, state()]).toEqual(['closed', 0]);
  });

  it('S3-32 does not count callers who give up, but takes no such call for a sign of life either', async () => {
    const giveUp = async () => {
      const caller = new AbortController();
      const outcome = outcomeOf(policy.execute((signal) => untilAborted(signal), { signal: caller.signal }));
      caller.abort(refused());
      return outcome;
    };
    for (let calls = 0; calls < 10; calls++) await giveUp();
    expect(policy.circuit).toBe('closed');
    await failUntilOpen();
    jest.advanceTimersByTime(OPEN_MS);
    await giveUp();
    await jest.advanceTimersByTimeAsync(0);
    expect(policy.circuit).toBe('open');
  });

  it('S3-32 shows its state as a metric and logs each change once', async () => {
    expect(state()).toBe(0);
    await failUntilOpen();
    expect(state()).toBe(2);
    jest.advanceTimersByTime(OPEN_MS);
    await succeed();
    expect(state()).toBe(1);
    await succeed();
    expect(state()).toBe(0);
    expect(under.logger.lines.map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'A circuit has opened: the dependency is not called for a while.'],
      ['info', 'A circuit is half open: a few calls find out whether the dependency is back.'],
      ['info', 'A circuit has closed: the dependency is called again.'],
    ]);
    expect(under.logger.lines[0]!.fields).toMatchObject({
      dependency: 'kiln',
      openMs: OPEN_MS,
      fault: 'unreachable',
      error: expect.objectContaining({ code: 'ECONNREFUSED' }),
    });
  });

  it('is one for all policies of a dependency, and another for another dependency', async () => {
    await failUntilOpen();
    const circuits = [under.policies.policyFor('kiln'), under.policies.policyFor('oven')].map(({ circuit }) => circuit);
    expect(circuits).toEqual(['open', 'closed']);
  });
});

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
