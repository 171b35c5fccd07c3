// Policies that make each call once, without limits: for tests of adapters, whose own work is what counts.
import type { Policy, PolicyCall, Resilience } from '@groundwork/application';

export class PlainResilience implements Resilience {
  policyFor(): Policy {
    return {
      circuit: 'closed',
      execute: async <T>(operation: (signal: AbortSignal) => Promise<T>, call: PolicyCall = {}): Promise<T> =>
        operation(call.signal ?? new AbortController().signal),
    };
  }
}
