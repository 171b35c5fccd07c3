// The OpenAPI 3.1 document, made from the schemas that also check the requests.
import type { Endpoint, EndpointPermission } from '@groundwork/application';
import { z, type ZodType } from 'zod';

type Json = Readonly<Record<string, unknown>>;

const PROBLEM = { $ref: '#/components/schemas/Problem' };
const FAULTS: Readonly<Record<number, string>> = {
  400: 'The request is malformed',
  401: 'The token is missing or not believed',
  403: 'The caller may not do this',
  404: 'There is no such thing',
  409: 'The present state does not allow it',
  412: 'It is at another version than If-Match says',
  422: 'A value is not accepted; errors points at it',
  428: 'If-Match is required',
  503: 'Something that is needed cannot be reached; see Retry-After',
};

/** A complete document: every endpoint with its parameters, headers, body, answers and problems. */
export function openApiDocument(endpoints: readonly Endpoint[], version: string): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const endpoint of endpoints) {
    const path = endpoint.path.replaceAll(/:([^/]+)/g, '{$1}');
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operationOf(endpoint) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Groundwork', version, description: 'Event-sourced services on PostgreSQL.' },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { Problem: problemSchema },
    },
  };
}

function operationOf(endpoint: Endpoint): Json {
  const { method, path, summary, permission, body } = endpoint;
  return {
    operationId: `${method.toLowerCase()}${path.replace('/v1', '').replaceAll(/[/:-]+([A-Za-z])/g, (_, letter: string) => letter.toUpperCase())}`,
    summary,
    tags: [path.split('/')[2]],
    description: permissionText(permission),
    ...(permission === 'public' ? { security: [] } : {}),
    parameters: [
      ...parametersOf(endpoint.params, 'path'),
      ...parametersOf(endpoint.query, 'query'),
      ...headersOf(endpoint),
    ],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(body, 'input') } } } }),
    responses: responsesOf(endpoint),
  };
}

function permissionText(permission: EndpointPermission): string {
  if (permission === 'public') return 'Public.';
  return permission === 'authenticated' ? 'Needs a token of the tenant.' : `Needs the permission \`${permission}\`.`;
}

function parametersOf(schema: ZodType | undefined, where: 'path' | 'query'): readonly Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    schema: property,
  }));
}

function headersOf({ method, reads, ifMatchRequired }: Endpoint): readonly Json[] {
  const header = (name: string, description: string, required = false): Json => ({
    name,
    in: 'header',
    required,
    description,
    schema: { type: 'string' },
  });
  return [
    header('X-Correlation-Id', 'Comes back in the answer and stands in every log line and event that follows.'),
    ...(method === 'GET' && reads === undefined
      ? [header('If-None-Match', 'The ETag of an earlier answer: 304 when nothing has changed.')]
      : []),
    ...(method === 'GET'
      ? []
      : [
          header('Idempotency-Key', 'The same key with the same content is answered with the first result.'),
          header('If-Match', 'The ETag that the change is based on.', ifMatchRequired ?? false),
        ]),
    ...(reads === undefined
      ? []
      : [
          header('Groundwork-Min-Position', 'The Groundwork-Position that the answer must have seen.'),
          header('Prefer', 'wait=n: how many seconds to wait for that position, at most 30.'),
        ]),
  ];
}

function responsesOf(endpoint: Endpoint): Json {
  const { method, permission, params, query, body, reads, ifMatchRequired, responses } = endpoint;
  const faults = [
    400,
    ...(permission === 'public' ? [] : [401, 403]),
    ...(params === undefined ? [] : [404]),
    ...(method === 'GET' ? [] : [409, 412]),
    ...(params === undefined && query === undefined && body === undefined ? [] : [422]),
    ...(ifMatchRequired === true ? [428] : []),
    503,
  ];
  const problems = faults.map((status) => [status, problemResponse(FAULTS[status]!)]);
  const declared = Object.entries(responses).map(([status, { description, schema }]) => [
    status,
    Number(status) >= 400
      ? problemResponse(description)
      : { description, headers: answerHeaders(reads, method), ...contentOf(schema) },
  ]);
  return Object.fromEntries([...problems, ...declared]) as Json;
}

function answerHeaders(reads: string | undefined, method: string): Json {
  const text = (description: string): Json => ({ description, schema: { type: 'string' } });
  return {
    'X-Request-Id': text('Names this request in the logs.'),
    'X-Correlation-Id': text('Names everything that followed from it.'),
    ...(reads === undefined ? {} : { ETag: text('The version of what was read, when it has one.') }),
    ...(method === 'GET'
      ? {}
      : { 'Groundwork-Position': text('Send as Groundwork-Min-Position to read your own writes.') }),
  };
}

const contentOf = (schema: ZodType | undefined): Json =>
  schema === undefined ? {} : { content: { 'application/json': { schema: jsonSchema(schema, 'output') } } };

const problemResponse = (description: string): Json => ({
  description,
  content: { 'application/problem+json': { schema: PROBLEM } },
});

/** OpenAPI 3.1 schemas are JSON Schema 2020-12; what a schema cannot say there (a date, a bigint) is left open. */
function jsonSchema(schema: ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'any',
    reused: 'inline',
  });
  return rest;
}

const problemSchema: Json = {
  type: 'object',
  description: 'RFC 9457. Match on code; words may improve.',
  required: ['type', 'title', 'status', 'detail', 'code', 'next', 'requestId', 'correlationId'],
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', examples: ['security.token-expired'] },
    next: { type: 'string', description: 'What to do about it.' },
    requestId: { type: 'string' },
    correlationId: { type: 'string' },
    traceId: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'message'],
        properties: { pointer: { type: 'string', description: 'JSON Pointer' }, message: { type: 'string' } },
      },
    },
  },
};
