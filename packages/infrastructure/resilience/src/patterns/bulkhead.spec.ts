// How many calls run and wait at the same time.
import { expect, it } from '@jest/globals';
import { open, policiesUnderTest } from '../policies-under-test.ts';

// #region spec
it('S3-35 a bulkhead runs a few calls, lets a few wait, and turns the others away by name', async () => {
  const { policy, metrics } = policiesUnderTest({ concurrentMax: 2, waitingMax: 3 });
  const answer = open();
  let running = 0;
  let runningMost = 0;
  const operation = async () => {
    runningMost = Math.max(runningMost, ++running);
    await answer.promise.finally(() => running--);
  };
  const calls = () => ['running', 'waiting'].map((state) => metrics.value(CALLS, { dependency: 'kiln', state }));

  const taken = Array.from({ length: 5 }, () => policy.execute(operation));
  expect(calls()).toEqual([2, 3]);
  await expect(policy.execute(operation)).rejects.toMatchObject({
    name: 'BulkheadFull',
    code: 'resilience.bulkhead-full',
  });
  expect(metrics.value(REJECTED, { dependency: 'kiln', reason: 'bulkhead-full' })).toBe(1);

  answer.resolve('');
  await Promise.all(taken);
  expect([runningMost, calls()]).toEqual([2, [0, 0]]);
});
// #endregion

it('S3-35 a call that waits in a bulkhead ends when its caller gives up, and never runs', async () => {
  const { policy } = policiesUnderTest({ concurrentMax: 1, waitingMax: 1 });
  const answer = open();
  const first = policy.execute(() => answer.promise);
  const caller = new AbortController();
  let hasRun = false;
  const second = policy.execute(async () => void (hasRun = true), { signal: caller.signal });
  caller.abort(new Error('The request was closed.'));
  await expect(second).rejects.toThrow('The request was closed.');
  answer.resolve('fired');
  await first;
  await policy.execute(async () => undefined);
  expect(hasRun).toBe(false);
});

it('S3-35 who gives up in the queue of a bulkhead leaves room for another at once', async () => {
  const { policy, metrics } = policiesUnderTest({ concurrentMax: 1, waitingMax: 2 });
  const answer = open();
  const first = policy.execute(() => answer.promise);
  const caller = new AbortController();
  const gone = [1, 2].map(() => policy.execute(async () => 'gone', { signal: caller.signal }));
  caller.abort(new Error('The request was closed.'));
  await Promise.allSettled(gone);
  expect(metrics.value(CALLS, { dependency: 'kiln', state: 'waiting' })).toBe(0);

  const order: number[] = [];
  const living = [1, 2].map((n) => policy.execute(async () => order.push(n)));
  await expect(policy.execute(async () => 'one too many')).rejects.toMatchObject({ name: 'BulkheadFull' });
  answer.resolve('fired');
  await Promise.all([first, ...living]);
  expect(order).toEqual([1, 2]);
});

const CALLS = 'groundwork_resilience_bulkhead_calls';
const REJECTED = 'groundwork_resilience_rejected_total';
