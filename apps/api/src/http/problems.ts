// Turns every error into a problem (RFC 9457). This is the one place that knows both our errors and HTTP's numbers.
import { STATUS_CODES } from 'node:http';
import {
  CodedError,
  Conflict,
  InvalidInput,
  NotAuthenticated,
  NotFound,
  NotPermitted,
  PreconditionFailed,
  PreconditionRequired,
  Refusal,
  Unavailable,
} from '@groundwork/application';
import { MalformedRequest } from './malformed-request.ts';

export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json; charset=utf-8';

// The first match decides; what matches none is a fault of ours.
const STATUS_BY_CLASS = [
  [NotAuthenticated, 401],
  [NotPermitted, 403],
  [NotFound, 404],
  [PreconditionFailed, 412],
  [PreconditionRequired, 428],
  [Conflict, 409],
  [Refusal, 409],
  [InvalidInput, 422],
  [Unavailable, 503],
] as const;

// A text that is no JSON is malformed (400); JSON with a wrong value is unprocessable (422).
const MALFORMED = /^json\./;
// Models refuse an id that cannot be one; where a caller sent it, it is a value like any other.
const REFUSED_VALUE = /(^id\.not-a-uuid|\.malformed)$/;

/** Never fails and never shows a stack, SQL or the message of an error that is not ours. */
export function problemOf(thrown: unknown): Problem {
  const error = thrown instanceof CodedError ? thrown : frameworkFault(thrown);
  if (error === undefined) return unexpected();
  const status = statusOf(error);
  if (status === undefined) return unexpected();
  const { issues = [], ...details } = error.details;
  return {
    status,
    code: error.code,
    headers: headersOf(error),
    body: {
      ...details,
      ...problemBody(status, error.code, error.message, error.next),
      ...(Array.isArray(issues) && issues.length > 0 ? { errors: issues } : {}),
    },
  };
}

/** The members that every problem has. */
export function problemBody(
  status: number,
  code: string,
  detail: string,
  next: string,
): Readonly<Record<string, unknown>> {
  return { type: `urn:groundwork:error:${code}`, title: STATUS_CODES[status] ?? 'Error', status, detail, code, next };
}

function unexpected(): Problem {
  const [code, detail] = ['internal.unexpected', 'The server failed; this is not your fault.'];
  const next = 'Repeat the request; if it fails again, report the requestId.';
  return { status: 500, code, headers: {}, body: problemBody(500, code, detail, next) };
}

function statusOf(error: CodedError): number | undefined {
  if (error instanceof MalformedRequest) return error.status;
  if (error instanceof InvalidInput && MALFORMED.test(error.code)) return 400;
  if (error instanceof Refusal && REFUSED_VALUE.test(error.code)) return 422;
  return STATUS_BY_CLASS.find(([Class]) => error instanceof Class)?.[1];
}

function headersOf(error: CodedError): Readonly<Record<string, string>> {
  if (error instanceof MalformedRequest) return error.headers;
  if (error instanceof Unavailable) return { 'retry-after': String(error.retryAfterSeconds) };
  if (!(error instanceof NotAuthenticated)) return {};
  const reason = error.code === 'security.token-missing' ? '' : ', error="invalid_token"';
  return { 'www-authenticate': `Bearer realm="groundwork"${reason}` };
}

const FRAMEWORK_FAULTS: Readonly<
  Record<string, readonly [status: number, code: string, happened: string, next: string]>
> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [
    413,
    'http.body-too-large',
    'The body is larger than is accepted.',
    'Send less at once.',
  ],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    415,
    'http.unsupported-media-type',
    'Only application/json is accepted.',
    'Send JSON and say so in Content-Type.',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    400,
    'http.content-length',
    'The body is not as long as Content-Length says.',
    'Send the number of bytes.',
  ],
  FST_ERR_BAD_URL: [400, 'http.malformed-url', 'The path is not a valid URL path.', 'Percent-encode it as UTF-8.'],
  FST_ERR_MAX_PARAM_LENGTH: [414, 'http.url-too-long', 'A part of the path is too long.', 'Check the id in the path.'],
};

/** Fastify and Node give their own errors a 4xx when the request is to blame; anything else is ours. */
function frameworkFault(thrown: unknown): MalformedRequest | undefined {
  const { code, statusCode } = (thrown ?? {}) as { code?: unknown; statusCode?: unknown };
  const known = typeof code === 'string' ? FRAMEWORK_FAULTS[code] : undefined;
  if (known !== undefined) {
    const [status, ...words] = known;
    return new MalformedRequest(...words, { status });
  }
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode > 499) return undefined;
  return new MalformedRequest(
    'http.bad-request',
    'The request is not valid HTTP.',
    'Check method, path, headers and body.',
    { status: statusCode },
  );
}
