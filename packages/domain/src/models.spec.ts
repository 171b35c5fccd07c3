// The two families of models and the way they say no.
import { describe, expect, it } from '@jest/globals';
import { AggregateRoot } from './aggregate-root.ts';
import { CodedError } from './coded-error.ts';
import { replay, type Decider } from './decider.ts';
import type { DomainEvent } from './domain-event.ts';
import { Refusal } from './refusal.ts';

type Increased = DomainEvent<'CounterIncreased', { readonly by: number }>;

class Counter extends AggregateRoot<{ readonly count: number }, Increased> {
  #count = 0;
  get state(): { readonly count: number } {
    return { count: this.#count };
  }
  increase(by: number): void {
    if (by <= 0) throw new Refusal('counter.not-more', `${by} is not more.`, 'Give a positive number.', { by });
    this.#count += by;
    this.record({ type: 'CounterIncreased', data: { by } });
  }
}

const counter: Decider<{ by: number }, number, Increased> = {
  initialState: 0,
  decide: ({ by }) => [{ type: 'CounterIncreased', data: { by } }],
  evolve: (count, { data }) => count + data.by,
};

describe('AggregateRoot', () => {
  it('hands out what it recorded once, in order, beside its state', () => {
    const aggregate = new Counter();
    aggregate.increase(2);
    aggregate.increase(3);
    expect(aggregate.state).toEqual({ count: 5 });
    expect(aggregate.takeEvents().map(({ data }) => data.by)).toEqual([2, 3]);
    expect(aggregate.takeEvents()).toEqual([]);
    aggregate.increase(1);
    expect(aggregate.takeEvents().map(({ data }) => data.by)).toEqual([1]);
  });

  it('records nothing when it refuses', () => {
    const aggregate = new Counter();
    expect(() => aggregate.increase(0)).toThrow(Refusal);
    expect(aggregate.takeEvents()).toEqual([]);
  });
});

describe('replay', () => {
  const events: Increased[] = [1, 2, 3].map((by) => ({ type: 'CounterIncreased', data: { by } }));

  it('folds events into the initial state, or into a later one', () => {
    expect(replay(counter, [])).toBe(0);
    expect(replay(counter, events)).toBe(6);
    expect(replay(counter, events.slice(2), replay(counter, events.slice(0, 2)))).toBe(6);
  });
});

describe('Refusal', () => {
  it('says what happened and what to do next, under a stable code and its own name', () => {
    const refusal = new Refusal('counter.not-more', '0 is not more.', 'Give a positive number.', { by: 0 });
    expect(refusal).toBeInstanceOf(CodedError);
    expect(refusal).toBeInstanceOf(Error);
    expect({ ...refusal, name: refusal.name, message: refusal.message }).toEqual({
      name: 'Refusal',
      code: 'counter.not-more',
      isRetryable: false,
      message: '0 is not more.',
      next: 'Give a positive number.',
      details: { by: 0 },
    });
  });
});
