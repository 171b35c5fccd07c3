// What every error of the product shares: a stable code, what happened, and what to do next.

/** Extra facts for the person or program that handles the error. Values must survive `JSON.stringify`. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * The root of all expected errors. Match on `code`, never on the message: codes are stable, words improve.
 * A code is `area.reason` in kebab case, and each is described in docs/reference/errors.md.
 */
export abstract class CodedError extends Error {
  readonly code: string;
  readonly next: string;
  readonly details: ErrorDetails;

  constructor(code: string, happened: string, next: string, details: ErrorDetails = {}, options?: ErrorOptions) {
    super(happened, options);
    this.name = new.target.name;
    this.code = code;
    this.next = next;
    this.details = details;
  }
}
