// The errors that ports and runners raise. The api maps each class to a status; nothing here knows HTTP.
import { CodedError, type ErrorDetails } from '@groundwork/domain';

/** What was sent cannot be accepted as it is. `issues` point into the input (JSON Pointer). */
export class InvalidInput extends CodedError {
  readonly issues: readonly InputIssue[];
  constructor(
    code: string,
    happened: string,
    next: string,
    issues: readonly InputIssue[] = [],
    details?: ErrorDetails,
  ) {
    super(code, happened, next, { ...details, ...(issues.length > 0 ? { issues } : {}) });
    this.issues = issues;
  }
}

export interface InputIssue {
  readonly pointer: string;
  readonly message: string;
}

/** The thing asked for does not exist for this tenant. */
export class NotFound extends CodedError {}

/** Nobody, or nobody we can believe, is calling. */
export class NotAuthenticated extends CodedError {}

/** The caller is known and may not do this. */
export class NotPermitted extends CodedError {}

/** The request contradicts what is stored; deciding again on fresh state may succeed. */
export class Conflict extends CodedError {}

/** The stream is not at the version that the append expected. Nothing was stored. */
export class VersionConflict extends Conflict {
  readonly actual: number;
  constructor(stream: string, expected: number | string, actual: number) {
    super(
      'event-store.version-conflict',
      `Stream ${stream} was expected at ${expected} and is at version ${actual}.`,
      'Load the stream again and decide again.',
      { stream, expected, actual },
    );
    this.actual = actual;
  }
}

/** An event with this id is stored with other content. Nothing was stored. */
export class DuplicateEvent extends Conflict {
  constructor(eventId: string) {
    super(
      'event-store.duplicate-event',
      `Event ${eventId} is already stored with other content.`,
      'Give a new fact a new id; repeat a stored event with exactly the same content.',
      { eventId },
    );
  }
}

/** The stream was closed and moved out of the log. It can be read; what should be appended was not stored. */
export class StreamArchived extends Conflict {
  constructor(stream: string, options?: ErrorOptions) {
    super(
      'event-store.stream-archived',
      `Stream ${stream} is archived; nothing was stored.`,
      'Bring it back with gw archive restore, then try again.',
      { stream },
      options,
    );
  }
}

export interface UnpublishedEvent {
  readonly eventId: string;
  /** What the bus said, or why it could not be asked. */
  readonly reason: string;
}

/** The bus has not taken these events, as far as we know; `untried` ones stood behind them and were not sent. */
export class EventsNotPublished extends CodedError {
  readonly failed: readonly UnpublishedEvent[];
  constructor(failed: readonly UnpublishedEvent[], untried: readonly string[], options?: ErrorOptions) {
    const named = failed.map(({ eventId, reason }) => `${eventId} (${reason})`).join(', ');
    super(
      'messaging.not-published',
      `Events were not published: ${named}; ${untried.length} behind them were not tried.`,
      'Remove the cause and publish the same events again: receivers know them by their ids.',
      { failed, untried },
      options,
    );
    this.failed = failed;
  }
}

export interface UnpublishedMessage {
  readonly messageId: string;
  /** `unroutable`, what the broker said, or why it could not be asked. */
  readonly reason: string;
}

/** The broker has not confirmed these messages; they may have arrived all the same. */
export class MessagesNotPublished extends CodedError {
  readonly failed: readonly UnpublishedMessage[];
  constructor(failed: readonly UnpublishedMessage[], options?: ErrorOptions) {
    const named = failed.slice(0, 10).map(({ messageId, reason }) => `${messageId} (${reason})`);
    super(
      'messaging.not-confirmed',
      `${failed.length} messages were not confirmed by the broker: ${named.join(', ')}${failed.length > 10 ? ' …' : ''}.`,
      'Remove the cause and publish the same messages again: receivers know them by their ids.',
      { failed },
      options,
    );
    this.failed = failed;
  }
}

/** Thrown by a message's handler when no further attempt can help: the message becomes a dead letter at once. */
export class MessageRejected extends CodedError {}

/** Another system refuses what it was sent, and would refuse it again. */
export class Refused extends CodedError {}

/** Something was tried as often as it may be, without an answer. */
export class GaveUp extends CodedError {}

/** What the caller said about the present version (If-Match) is not true. */
export class PreconditionFailed extends CodedError {}

/** The request must say which version it is based on (If-Match). */
export class PreconditionRequired extends CodedError {}

/** A part that is needed cannot be reached, or is behind; the same request may succeed after `retryAfterSeconds`. */
export class Unavailable extends CodedError {
  readonly retryAfterSeconds: number;
  constructor(code: string, happened: string, next: string, retryAfterSeconds = 1, options?: ErrorOptions) {
    super(code, happened, next, {}, options);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** An answer did not come in time, and the work was cancelled. Whether it took effect is not known. */
export class TimedOut extends Unavailable {
  constructor(dependency: string, timeoutMs: number, options?: ErrorOptions) {
    super(
      'resilience.timed-out',
      `No answer from ${dependency} within ${timeoutMs} ms; the call was cancelled.`,
      'Try again shortly; if it lasts, see why it is slow, or give it more time with GW_RESILIENCE_….',
      1,
      options,
    );
  }
}

/** A call was repeated as often as it may be. The cause is the error of the last attempt. */
export class RetryExhausted extends Unavailable {
  readonly attempts: number;
  constructor(dependency: string, attempts: number, options: ErrorOptions) {
    super(
      'resilience.retry-exhausted',
      `A call to ${dependency} failed ${attempts} times.`,
      'Look at the cause; try again when it is gone.',
      1,
      options,
    );
    this.attempts = attempts;
  }
}

/** Nobody was called, because the last calls failed. The cause is the error of the last one. */
export class CircuitOpen extends Unavailable {
  constructor(dependency: string, retryAfterSeconds: number, options?: ErrorOptions) {
    super(
      'resilience.circuit-open',
      `Calls to ${dependency} have failed in a row; it is not called for the moment.`,
      'Try again later; if it lasts, see whether it runs and can be reached from here.',
      retryAfterSeconds,
      options,
    );
  }
}

/** Nobody was called, because as many calls as may be are under way and wait. */
export class BulkheadFull extends Unavailable {
  constructor(dependency: string, concurrentMax: number, options?: ErrorOptions) {
    super(
      'resilience.bulkhead-full',
      `${concurrentMax} calls to ${dependency} are under way, and as many as may wait do.`,
      'Try again shortly; if it lasts, see why it is slow, or allow more with GW_RESILIENCE_….',
      1,
      options,
    );
  }
}

/** The program itself is put together wrongly; it must not start. */
export class Misconfigured extends CodedError {}
