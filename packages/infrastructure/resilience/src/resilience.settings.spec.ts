// What can be set about each dependency, and what is refused.
import { expect, it } from '@jest/globals';
import { POLICY_DEFAULTS, policySettingsOf, resilienceSettings } from './resilience.settings.ts';

it('S3-35 each dependency is set by itself, and only what is named differs', () => {
  const presets = policySettingsOf(resilienceSettings.parse({}));
  const set = policySettingsOf(
    resilienceSettings.parse({ eventbridge: 'timeoutMs=2500, attemptsMax=7,concurrentMax=2' }),
  );
  const { retryDelay, ...others } = presets('eventbridge');
  expect(set('eventbridge')).toEqual({
    ...others,
    timeoutMs: 2_500,
    attemptsMax: 7,
    concurrentMax: 2,
    retryDelay: expect.any(Function),
  });
  expect(retryDelay(1)).toBeLessThanOrEqual(200);
  expect(set('keys')).toEqual({ ...presets('keys'), retryDelay: expect.any(Function) });
});

it('S3-35 a dependency that nobody has set has the defaults', () => {
  const { breakerFailuresMax, timeoutMs, retryDelay } = policySettingsOf(resilienceSettings.parse({}))('kiln');
  expect({ breakerFailuresMax, timeoutMs }).toEqual({
    breakerFailuresMax: POLICY_DEFAULTS.breakerFailuresMax,
    timeoutMs: POLICY_DEFAULTS.timeoutMs,
  });
  const delays = [1, 2, 3, 9].map((failures) => retryDelay(failures));
  [1_000, 2_000, 4_000, 30_000].forEach((most, index) => {
    expect(delays[index]).toBeGreaterThanOrEqual(most / 2);
    expect(delays[index]).toBeLessThanOrEqual(most);
  });
});

it.each([
  ['timeoutMs=soon', 'timeoutMs takes a whole number from 0 to 3600000'],
  ['attemptsMax=0', 'attemptsMax takes a whole number from 1 to 1000'],
  ['timeoutMs', 'timeoutMs takes a whole number'],
  ['timeout=5', 'timeout is none of attemptsMax'],
  ['constructor=5', 'constructor is none of attemptsMax'],
])('S3-35 %s is refused by name', (text, message) => {
  const { error } = resilienceSettings.safeParse({ postgres: text });
  expect(error?.issues.map((issue) => issue.message)).toEqual([expect.stringContaining(message)]);
});
