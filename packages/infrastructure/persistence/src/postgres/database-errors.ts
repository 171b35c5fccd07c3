// Which database errors pass by themselves, and what they are called outside.
import { CodedError } from '@groundwork/domain';
import { aheadOfLog, StreamArchived, Unavailable } from '@groundwork/application';

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
// pg reports a lost connection or an exhausted pool by message only.
const CONNECTION_MESSAGES =
  /connection terminated|timeout exceeded when trying to connect|not queryable|client was closed|connection ended|query read timeout/i;
// Classes 08 connection, 53 resources, 57 operator, 58 system; 55P03 lock timeout, 40 rollback, 25006 read only.
const TRANSIENT_STATES = /^(08|40|53|57P|58|55P03|57014|25006|25P03)/;
/** Raised by the trigger that lets no checkpoint go on over another log. */
const AHEAD_OF_LOG_STATE = 'GW001';
/** Raised where somebody would go on as if an archived stream had never been. */
const STREAM_ARCHIVED_STATE = 'GW002';
/** Raised for a page of the log that would leave archived events out. */
export const EVENTS_ARCHIVED_STATE = 'GW003';
/** Raised when what is to be archived or restored is not what was written. */
export const ARCHIVE_DIFFERS_STATE = 'GW004';
// Classes 22 data exception, 23 constraint, 54 more than PostgreSQL can hold.
const REFUSED_DATA_STATES = /^(22|23|54)/;

/** The SQLSTATE or system code of an error, when it has one. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

/** The connection is gone or cannot be made: nothing is known about a statement that was under way. */
export const isConnectionLost = (error: unknown): boolean =>
  CONNECTION_CODES.has(codeOf(error)) ||
  /^(08|57P0[123])/.test(codeOf(error)) ||
  (error instanceof Error && codeOf(error) === '' && CONNECTION_MESSAGES.test(error.message));

/** A connection that was made ended: another one may live. */
export const isConnectionEnded = (error: unknown): boolean =>
  /^(08003|08006|57P0[123]|ECONNRESET|EPIPE)$/.test(codeOf(error)) ||
  (error instanceof Error &&
    codeOf(error) === '' &&
    /connection (terminated|ended)|not queryable/i.test(error.message));

/** The statement's data is at fault and will be at the next attempt, too. */
export const isDataRefused = (error: unknown): boolean =>
  error instanceof StreamArchived || REFUSED_DATA_STATES.test(codeOf(error));

/** The database's own error as one of ours: Unavailable for what passes, anything else unchanged. */
export function translated(error: unknown): unknown {
  if (error instanceof CodedError) return error;
  if (codeOf(error) === STREAM_ARCHIVED_STATE) return new StreamArchived((error as Error).message, { cause: error });
  if (codeOf(error) === AHEAD_OF_LOG_STATE) return aheadOfLog((error as Error).message, { cause: error });
  if (isConnectionLost(error) || TRANSIENT_STATES.test(codeOf(error))) {
    return new Unavailable(
      'database.unavailable',
      `The database cannot be reached or is busy (${codeOf(error) || (error as Error).message}).`,
      'Try again shortly; if it lasts, see whether PostgreSQL runs and has free connections.',
      1,
      { cause: error },
    );
  }
  return error;
}
