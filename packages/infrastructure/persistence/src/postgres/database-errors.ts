// Which database errors pass by themselves, and what they are called outside.
import { CodedError } from '@groundwork/domain';
import {
  aheadOfLog,
  CircuitOpen,
  faultOfCode,
  faultOfMessage,
  isTransientFault,
  Misconfigured,
  RetryExhausted,
  StreamArchived,
  Unavailable,
  type Fault,
} from '@groundwork/application';

/** Raised by the trigger that lets no checkpoint go on over another log. */
const AHEAD_OF_LOG_STATE = 'GW001';
/** Raised where somebody would go on as if an archived stream had never been. */
const STREAM_ARCHIVED_STATE = 'GW002';
/** Raised for a page of the log that would leave archived events out. */
export const EVENTS_ARCHIVED_STATE = 'GW003';
/** Raised when what is to be archived or restored is not what was written. */
export const ARCHIVE_DIFFERS_STATE = 'GW004';

// 28 invalid authorisation, 3D000 no such database.
const LOGIN_REFUSED_STATES = /^(28|3D000)/;

/** The SQLSTATE or system code of an error, when it has one. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

/** The connection is gone or cannot be made: nothing is known about a statement that was under way. */
export function isConnectionLost(error: unknown): boolean {
  const fault = databaseFaultOf(error);
  // A time-out of the driver's, which the server knows nothing of, leaves the connection busy.
  return fault === 'unreachable' || fault === 'disconnected' || (fault === 'timed-out' && codeOf(error) === '');
}

/** A connection that was made ended: another one may live. */
export const isConnectionEnded = (error: unknown): boolean => databaseFaultOf(error) === 'disconnected';

/**
 * There is no connection, or no longer, or none is tried for the moment: what may be repeated is worth another attempt.
 */
export const isNotConnected = (error: unknown): boolean =>
  error instanceof CircuitOpen || databaseFaultOf(error) === 'unreachable' || isConnectionEnded(error);

/** The statement's data is at fault and will be at the next attempt, too. */
export const isDataRefused = (error: unknown): boolean =>
  error instanceof StreamArchived || databaseFaultOf(error) === 'refused';

/** The database's own error as one of ours: Unavailable for what passes, Misconfigured for a login that is refused. */
export function translated(error: unknown): unknown {
  if (error instanceof CircuitOpen || error instanceof RetryExhausted) return unavailable(error);
  if (error instanceof CodedError) return error;
  if (codeOf(error) === STREAM_ARCHIVED_STATE) return new StreamArchived((error as Error).message, { cause: error });
  if (codeOf(error) === AHEAD_OF_LOG_STATE) return aheadOfLog((error as Error).message, { cause: error });
  if (LOGIN_REFUSED_STATES.test(codeOf(error))) return loginRefused(error as Error);
  return isTransientFault(databaseFaultOf(error)) ? unavailable(error as Error) : error;
}

const unavailable = (error: Error): Unavailable => {
  const cause = error instanceof RetryExhausted ? (error.cause as Error) : error;
  return new Unavailable(
    'database.unavailable',
    `The database cannot be reached or is busy (${codeOf(cause) || cause.message}).`,
    'Try again shortly; if it lasts, see whether PostgreSQL runs and has free connections.',
    1,
    { cause: error },
  );
};

const loginRefused = (error: Error): Misconfigured =>
  new Misconfigured(
    'database.login-refused',
    `PostgreSQL lets nobody in with this login, or has no such database (${codeOf(error)}).`,
    'Correct user, password and database in DATABASE_URL; `gw db setup --sql` prints what makes the logins.',
    {},
    { cause: error },
  );

/**
 * By code, or by message where there is none. Causes are not looked at: whoever works in a transaction may have met
 * somebody else's error.
 */
function databaseFaultOf(error: unknown): Fault | undefined {
  if (error instanceof CodedError) return undefined;
  const code = codeOf(error);
  if (code !== '') return faultOfCode(code);
  return error instanceof Error ? faultOfMessage(error.message) : undefined;
}
