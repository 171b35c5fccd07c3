// Which errors are an answer, and how an answer is kept with its command.
import { CodedError, Refusal, type ErrorDetails } from '@groundwork/domain';
import {
  Conflict,
  GaveUp,
  InvalidInput,
  Misconfigured,
  NotFound,
  NotPermitted,
  PreconditionFailed,
  PreconditionRequired,
  VersionConflict,
  type InputIssue,
} from '../errors.ts';
import type { CommandError } from '../ports/command-store.ts';
import { isTransient } from '../resilience/faults.ts';

type Kind = NonNullable<CommandError['kind']>;
type KeptError = new (code: string, happened: string, next: string, details?: ErrorDetails) => CodedError;

const KINDS: readonly (readonly [Kind, abstract new (...parts: never[]) => CodedError])[] = [
  ['refusal', Refusal],
  ['invalid', InvalidInput],
  ['conflict', Conflict],
  ['not-found', NotFound],
  ['not-permitted', NotPermitted],
  ['precondition-failed', PreconditionFailed],
  ['precondition-required', PreconditionRequired],
  ['gave-up', GaveUp],
];
const CLASSES: Readonly<Record<Exclude<Kind, 'invalid'>, KeptError>> = {
  refusal: Refusal,
  conflict: Conflict,
  'not-found': NotFound,
  'not-permitted': NotPermitted,
  'precondition-failed': PreconditionFailed,
  'precondition-required': PreconditionRequired,
  'gave-up': GaveUp,
};

/**
 * Whether the error says what became of the command: it can be told to whoever asked, and kept for who asks again.
 * Everything else leaves open whether the command has taken effect.
 */
export function isAnswer(error: unknown): error is CodedError {
  return kindOf(error) !== undefined;
}

/**
 * Whether the command will end the same way however often it is run: then it has failed. Everything else says nothing
 * about the command yet: it is tried again.
 */
export function isFinal(error: unknown): error is CodedError {
  return isAnswer(error) && !(error instanceof VersionConflict) && !(error instanceof Refusal && error.isRetryable);
}

/**
 * Whether the error passes by itself, whatever the command is: a part is away, or this program is too old to know the
 * command. Such a command waits for as long as it takes.
 */
export function isPassing(error: unknown): boolean {
  return isTransient(error) || (error instanceof Misconfigured && error.code === 'command.no-handler');
}

/** Why a command is not tried again: its runs met errors that nobody foresaw, or never came to an end. */
export function gaveUp(attempts: number, last?: unknown): GaveUp {
  const { code, message } = lastErrorOf(last);
  return new GaveUp(
    'command.gave-up',
    `The command was tried ${attempts} times; the last error was ${code}: ${message}`,
    'Look into the log of the worker for the command, remove the cause, and retry the command.',
    { attempts, lastError: { code, message } },
  );
}

function lastErrorOf(last: unknown): Pick<CommandError, 'code' | 'message'> {
  if (last === undefined) return { code: 'command.no-end', message: 'the process that ran it ended' };
  return told(last, 'command.unexpected');
}

/**
 * What is told of an error to those who may not see payloads. Of one that is not coded, which is called
 * `unforeseenCode`, only the name is told: its words may quote what was sent.
 */
export function told(error: unknown, unforeseenCode: string): Pick<CommandError, 'code' | 'message'> {
  if (error instanceof CodedError) return { code: error.code, message: error.message };
  return { code: unforeseenCode, message: error instanceof Error ? error.name : typeof error };
}

/** A final error as it is kept with its command. */
export function commandErrorOf(error: CodedError): CommandError {
  const kind = kindOf(error);
  return {
    code: error.code,
    message: error.message,
    next: error.next,
    ...(kind === undefined ? {} : { kind }),
    ...(Object.keys(error.details).length === 0 ? {} : { details: error.details }),
  };
}

/** The error that a failed command ended with, of its first class again. */
export function errorOfCommand({ code, kind = 'refusal', message, next = '', details }: CommandError): CodedError {
  if (kind !== 'invalid') return new CLASSES[kind](code, message, next, details);
  const { issues = [], ...others } = (details ?? {}) as { issues?: readonly InputIssue[] };
  return new InvalidInput(code, message, next, issues, others);
}

const kindOf = (error: unknown): Kind | undefined => KINDS.find(([, type]) => error instanceof type)?.[0];
