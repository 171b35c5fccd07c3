// What a request says, read with the schemas of its endpoint.
import {
  InvalidInput,
  PreconditionRequired,
  inputIssues,
  type Actor,
  type Endpoint,
  type EndpointRequest,
  type InputIssue,
} from '@groundwork/application';
import type { FastifyRequest } from 'fastify';
import type { ZodType } from 'zod';
import { JsonBody } from './json-body.ts';
import { MalformedRequest } from './malformed-request.ts';
import { idempotencyKey, lastEventId, type Preconditions } from './request-headers.ts';
import type { RequestTrace } from './request-trace.ts';

/**
 * Throws InvalidInput `http.invalid-request` with a pointer to each fault: into the body as it is, and under `/path`
 * and `/query` for the rest.
 */
export function endpointRequest(
  endpoint: Endpoint,
  request: FastifyRequest,
  actor: Actor,
  trace: RequestTrace,
  { ifMatch }: Preconditions,
): EndpointRequest {
  refuseUnstorable(request.params);
  refuseUnstorable(request.query);
  if (endpoint.ifMatchRequired === true && ifMatch === undefined) throw ifMatchRequired();
  const issues: InputIssue[] = [];
  const body = request.body instanceof JsonBody ? request.body : undefined;
  const params = parsed(endpoint.params, request.params, '/path', issues);
  const query = parsed(endpoint.query, { ...(request.query as object) }, '/query', issues);
  if (endpoint.body !== undefined) {
    if (body === undefined)
      throw new InvalidInput('json.missing', 'The request has no body.', 'Send JSON and say so in Content-Type.');
    parsed(endpoint.body, body.value, '', issues);
  }
  if (issues.length > 0) {
    throw new InvalidInput(
      'http.invalid-request',
      'A value of the request is not accepted.',
      'Correct what errors points at.',
      issues,
    );
  }
  const takesBody = endpoint.body !== undefined;
  return {
    params,
    query,
    body: takesBody ? body?.value : undefined,
    bodyText: takesBody ? (body?.text ?? '') : '',
    actor,
    tenant: actor.tenant,
    correlationId: trace.correlationId,
    requestId: trace.requestId,
    idempotencyKey: idempotencyKey(request.headers),
    ifMatch,
    lastEventId: lastEventId(request.headers),
  };
}

function parsed(schema: ZodType | undefined, value: unknown, pointer: string, issues: InputIssue[]): never {
  // Typed by the endpoint's own schemas, which are forgotten in a list of endpoints.
  if (schema === undefined) return value as never;
  const result = schema.safeParse(value);
  if (result.success) return result.data as never;
  issues.push(...inputIssues(result.error).map((issue) => ({ ...issue, pointer: pointer + issue.pointer })));
  return undefined as never;
}

/** Characters that no database keeps must not reach a query; they can be written into any URL. */
function refuseUnstorable(values: unknown): void {
  for (const [key, value] of Object.entries((values ?? {}) as Record<string, unknown>)) {
    for (const text of [key, value].flat()) {
      if (typeof text !== 'string' || (text.isWellFormed() && !text.includes('\u0000'))) continue;
      throw new MalformedRequest(
        'http.unstorable-text',
        'The URL holds a character that cannot be stored.',
        'Leave out %00.',
      );
    }
  }
}

const ifMatchRequired = (): PreconditionRequired =>
  new PreconditionRequired(
    'http.if-match-required',
    'This change must say which version it is based on.',
    'Read the resource and send its ETag as If-Match.',
  );
