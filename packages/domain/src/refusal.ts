// The one way a model says no.
import { CodedError, type ErrorDetails } from './coded-error.ts';

export interface RefusalOptions extends ErrorOptions {
  /** The rule refuses for now: the same command may be accepted later, without anybody changing it. */
  readonly isRetryable?: boolean;
}

/**
 * A business rule refuses the command in the present state. Repeating it unchanged will be refused again, unless it is
 * retryable: then a worker tries it again, by the policy of the command.
 */
export class Refusal extends CodedError {
  readonly isRetryable: boolean;

  constructor(code: string, happened: string, next: string, details?: ErrorDetails, options: RefusalOptions = {}) {
    const { isRetryable = false, ...rest } = options;
    super(code, happened, next, details, rest);
    this.isRetryable = isRetryable;
  }
}
