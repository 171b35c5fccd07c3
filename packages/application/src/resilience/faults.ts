// What an error means for the one who called, looked up in the one table.
import { CodedError } from '@groundwork/domain';
import { Misconfigured, TimedOut, Unavailable } from '../errors.ts';
import {
  FAULTS_BY_AMQP_CODE,
  FAULTS_BY_CODE,
  FAULTS_BY_MESSAGE,
  FAULTS_BY_NAME,
  FAULTS_BY_SQLSTATE,
  FAULTS_BY_STATUS,
  type Fault,
} from './fault-table.ts';

/** What a call does there: a read changes nothing, a command may have taken effect without anybody having heard. */
export type CallKind = 'read' | 'command';

const TRANSIENT: ReadonlySet<Fault | undefined> = new Set<Fault>([
  'unreachable',
  'disconnected',
  'timed-out',
  'busy',
  'throttled',
  'contended',
]);
// An error may be wrapped a few times; one that is its own cause must not hold anybody up.
const CAUSES_MAX = 5;

/**
 * The fault behind an error, looked for in the error itself and then in its causes; undefined for what the table does
 * not know. Our own errors speak for themselves: Unavailable passes, the others do not.
 */
export function faultOf(error: unknown, causesMax = CAUSES_MAX): Fault | undefined {
  const fault = error instanceof CodedError ? faultOfCoded(error) : (faultOfAnswer(error) ?? faultOfWords(error));
  if (fault !== undefined || causesMax === 0 || typeof error !== 'object' || error === null) return fault;
  const { cause, errors } = error as { cause?: unknown; errors?: unknown };
  for (const inner of [cause, ...(Array.isArray(errors) ? errors : [])]) {
    const found = inner === undefined ? undefined : faultOf(inner, causesMax - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether it passes by itself. What the table does not know is not called transient. */
export const isTransient = (error: unknown): boolean => isTransientFault(faultOf(error));

export const isTransientFault = (fault: Fault | undefined): boolean => TRANSIENT.has(fault);

/**
 * Whether the same call may be made again: after what passes always, and after an error that nobody knows only when
 * the call reads. Repeating an unknown failure of a command could do twice what was done once.
 */
export function isRetryable(error: unknown, kind: CallKind): boolean {
  const fault = faultOf(error);
  return fault === undefined ? kind === 'read' : isTransientFault(fault);
}

/**
 * Whether the error speaks against the health of who was called. A refused request, a lost race, throttling and an
 * error that the table does not know say nothing about it.
 */
export function isOutage(error: unknown): boolean {
  const fault = faultOf(error);
  return isTransientFault(fault) && fault !== 'contended' && fault !== 'throttled';
}

/** By SQLSTATE or by the code of a socket, DNS or TLS. */
export const faultOfCode = (code: string): Fault | undefined =>
  FAULTS_BY_CODE[code] ??
  (SQLSTATE.test(code)
    ? (FAULTS_BY_SQLSTATE[code] ?? FAULTS_BY_SQLSTATE[code.slice(0, 3)] ?? FAULTS_BY_SQLSTATE[code.slice(0, 2)])
    : undefined);

/** By what a driver says where it gives no code. */
export const faultOfMessage = (message: string): Fault | undefined =>
  FAULTS_BY_MESSAGE.find(([pattern]) => pattern.test(message))?.[1];

const SQLSTATE = /^[0-9A-Z]{5}$/;

function faultOfCoded(error: CodedError): Fault {
  if (error instanceof TimedOut) return 'timed-out';
  if (error instanceof Unavailable) return 'busy';
  return error instanceof Misconfigured ? 'misconfigured' : 'refused';
}

/** What stands in its fields: codes and the status of an answer. */
function faultOfAnswer(error: unknown): Fault | undefined {
  const { code, status, statusCode, $metadata } = (error ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof code === 'string') {
    const fault = faultOfCode(code);
    if (fault !== undefined) return fault;
  }
  if (typeof code === 'number' && FAULTS_BY_AMQP_CODE[code] !== undefined) return FAULTS_BY_AMQP_CODE[code];
  const named = FAULTS_BY_NAME[(error as Error | undefined)?.name ?? ''];
  if ($metadata !== undefined && named !== undefined) return named;
  const answered = status ?? statusCode ?? ($metadata as { httpStatusCode?: unknown } | undefined)?.httpStatusCode;
  return typeof answered === 'number' ? FAULTS_BY_STATUS[answered] : undefined;
}

function faultOfWords(error: unknown): Fault | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { message, name } = error as Partial<Error>;
  return faultOfMessage(message ?? '') ?? FAULTS_BY_NAME[name ?? ''];
}
