// Policies with settings of a test, and what they tell.
import type { Policy, PolicyChoice, PolicySettings } from '@groundwork/application';
import { fixed } from '@groundwork/application';
import { MemoryLogger, MemoryMetrics } from '@groundwork/testing';
import { DependencyPolicies } from './dependency-policies.ts';

/** Everything off: a test turns on what it is about. */
export const OFF: PolicySettings = {
  attemptsMax: 1,
  retryDelay: fixed(0),
  retryWithinMs: 3_600_000,
  breakerFailuresMax: 0,
  breakerOpenMs: 10_000,
  breakerProbesMax: 1,
  timeoutMs: 0,
  concurrentMax: 0,
  waitingMax: 0,
};

export interface PoliciesUnderTest {
  readonly policies: DependencyPolicies;
  readonly policy: Policy;
  readonly metrics: MemoryMetrics;
  readonly logger: MemoryLogger;
}

/** `policy` is that of the dependency `kiln`. */
export function policiesUnderTest(settings: Partial<PolicySettings>, choice?: PolicyChoice): PoliciesUnderTest {
  const metrics = new MemoryMetrics();
  const logger = new MemoryLogger();
  const policies = new DependencyPolicies(() => ({ ...OFF, ...settings }), metrics, logger);
  return { policies, policy: policies.policyFor('kiln', choice), metrics, logger };
}

/** An outage, as a socket reports it. */
export const refused = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

/** A promise that somebody else settles. */
export const open = <T = string>() => Promise.withResolvers<T>();
