// What can go wrong at the command line, and the exit status it leads to.
import { CodedError, type ErrorDetails } from '@groundwork/application';
import { EXIT } from './exit-status.ts';

/** The command cannot do what it was asked for. */
export class CommandFailed extends CodedError {}

/** The command was done, and what it looked at is not as it should be. The result has been printed. */
export class ProblemFound extends CodedError {}

/** Nobody answers where the api should be. */
export class Unreachable extends CodedError {
  constructor(
    url: string,
    next = 'Start Groundwork with npm start, or name the right address with --url.',
    cause?: unknown,
  ) {
    super('cli.unreachable', `Nothing answers at ${url}.`, next, { url }, { cause });
  }
}

/** The api has answered with a problem; its code is the code. */
export class ProblemAnswer extends CodedError {
  constructor(status: number, code: string, happened: string, next: string, details: ErrorDetails) {
    super(code, `${happened} (HTTP ${status})`, next, details);
  }
}

export function exitStatusOf(error: unknown): number {
  if (error instanceof Unreachable) return EXIT.unreachable;
  return error instanceof ProblemFound ? EXIT.problemFound : EXIT.failed;
}

/** What happened and what to do for an expected error, everything there is for an unexpected one. */
export function errorText(error: unknown, json: boolean): string {
  if (!(error instanceof CodedError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  const { code, message, next } = error;
  return json ? JSON.stringify({ error: { code, message, next } }) : `${message}\n${next} [${code}]`;
}
