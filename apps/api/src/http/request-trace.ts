// The names under which a request can be found again, here and in every process it leads to.
import type { IncomingMessage } from 'node:http';
import type { Ids } from '@groundwork/application';

export interface RequestTrace {
  /** Made here, one for each request. */
  readonly requestId: string;
  /** The caller's X-Correlation-Id, else the trace's id, else the request's. */
  readonly correlationId: string;
  /** Of W3C `traceparent`, when the caller sent one. */
  readonly traceId: string | undefined;
}

// Narrow, because it is written into log lines, events and headers.
const CORRELATION_ID = /^[A-Za-z0-9][A-Za-z0-9._:/@+=-]{0,127}$/;
const TRACEPARENT = /^[0-9a-f]{2}-(?<traceId>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/;
const traces = new WeakMap<IncomingMessage, RequestTrace>();

/** The same for all who ask about one request. */
export function traceOf(request: IncomingMessage, ids: Ids): RequestTrace {
  const known = traces.get(request);
  if (known !== undefined) return known;
  const requestId: string = ids.next();
  const traceId = TRACEPARENT.exec(String(request.headers['traceparent'] ?? ''))?.groups?.['traceId'];
  const given = request.headers['x-correlation-id'];
  const correlationId = typeof given === 'string' && CORRELATION_ID.test(given) ? given : (traceId ?? requestId);
  const trace = { requestId, correlationId, traceId };
  traces.set(request, trace);
  return trace;
}

export function traceHeaders({ requestId, correlationId, traceId }: RequestTrace): Readonly<Record<string, string>> {
  return {
    'x-request-id': requestId,
    'x-correlation-id': correlationId,
    ...(traceId === undefined ? {} : { 'x-trace-id': traceId }),
  };
}
