// A model whose state is the truth and whose events are announced together with it.
import type { DomainEvent } from './domain-event.ts';

/**
 * Subclasses change their own state and `record` what happened; an AggregateStore saves both in one atomic step.
 * The events are handed out once: a second `takeEvents` returns only what was recorded since.
 */
export abstract class AggregateRoot<State, Event extends DomainEvent = DomainEvent> {
  #recorded: Event[] = [];

  /** The present state as plain data, ready to be stored. */
  abstract get state(): State;

  /** The events recorded since the last call. */
  takeEvents(): readonly Event[] {
    const taken = this.#recorded;
    this.#recorded = [];
    return taken;
  }

  protected record(event: Event): void {
    this.#recorded.push(event);
  }
}
