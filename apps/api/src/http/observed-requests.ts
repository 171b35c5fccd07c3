// What is told about every request: one log line, one duration, and each error in its group.
import { types } from 'node:util';
import type { Ids, Logger, Metrics } from '@groundwork/application';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Problem } from './problems.ts';
import { traceOf } from './request-trace.ts';

const DURATION = 'http_server_request_duration_seconds';
const ERRORS = 'groundwork_errors_total';

export interface Observers {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly ids: Ids;
}

/** `GET /v1/clients/:id`: the route, never the path, because paths hold ids and queries hold names. */
export const operationOf = (request: FastifyRequest): string =>
  request.is404 === true || request.routeOptions.url === undefined
    ? 'unmatched'
    : `${request.method} ${request.routeOptions.url}`;

export function observeRequests(app: FastifyInstance, { logger, metrics, ids }: Observers): void {
  const duration = metrics.histogram(DURATION, 'How long requests took.', ['method', 'route', 'status']);
  app.addHook('onResponse', async (request, reply) => {
    const route = request.is404 === true ? 'unmatched' : (request.routeOptions.url ?? 'unmatched');
    const labels = { method: request.method, route, status: String(reply.statusCode) };
    const seconds = reply.elapsedTime / 1000;
    duration.observe(seconds, labels);
    const { correlationId, requestId, traceId } = traceOf(request.raw, ids);
    logger.info('request', {
      ...labels,
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime * 10) / 10,
      correlationId,
      requestId,
      ...(traceId === undefined ? {} : { traceId }),
      ...(request.actor === undefined ? {} : { tenant: request.actor.tenant }),
      ...(request.problemCode === undefined ? {} : { code: request.problemCode }),
    });
  });
}

/** Counts errors by code and operation. Those that are our fault are logged with everything that helps to find it. */
export class ErrorReports {
  readonly #observers: Observers;
  readonly #errors;

  constructor(observers: Observers) {
    this.#observers = observers;
    this.#errors = observers.metrics.counter(ERRORS, 'Requests answered with an error, by code.', [
      'code',
      'operation',
    ]);
  }

  report(thrown: unknown, { status, code }: Problem, request: FastifyRequest): void {
    const operation = operationOf(request);
    this.#errors.add(1, { code, operation });
    if (status < 500) return;
    const { correlationId, requestId } = traceOf(request.raw, this.#observers.ids);
    const error = types.isNativeError(thrown) ? thrown : new Error('something that is no error was thrown');
    this.#observers.logger.error('request failed', {
      code,
      operation,
      // The same fault at the same place is one group, whatever its message says.
      errorGroup: this.#observers.ids
        .fingerprint(`${code}\n${operation}\n${error.name}\n${placeOf(error)}`)
        .slice(0, 16),
      correlationId,
      requestId,
      ...(request.actor === undefined ? {} : { tenant: request.actor.tenant }),
      error: error.message,
      stack: error.stack,
      ...(types.isNativeError(error.cause) ? { cause: error.cause.message } : {}),
    });
  }
}

const placeOf = (error: Error): string =>
  error.stack?.split('\n').find((line) => line.trimStart().startsWith('at ')) ?? '';
