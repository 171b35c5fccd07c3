// Sends what an endpoint answered, with the headers that go with it.
import type { EndpointResponse } from '@groundwork/application';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { jsonTextOfAnswer } from './json-text.ts';
import { matchesTag } from './request-headers.ts';

/** A GET whose answer has one of `knownTags` is answered 304: the caller has it already. */
export function sendAnswer(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: EndpointResponse,
  knownTags: string | undefined,
): FastifyReply {
  const { status, body, streamVersion, position, location, repeated } = answer;
  // Kept only by the caller, and asked about again with If-None-Match.
  reply.code(status).header('cache-control', 'private, no-cache');
  if (position !== undefined) reply.header('groundwork-position', position);
  if (location !== undefined) reply.header('location', location);
  if (repeated === true) reply.header('idempotency-replayed', 'true');
  if (streamVersion !== undefined) {
    const etag = `"${streamVersion}"`;
    reply.header('etag', etag);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (isRead && status === 200 && matchesTag(knownTags, etag)) return reply.code(304).send();
  }
  if (body === undefined) return reply.send();
  return reply.header('content-type', 'application/json; charset=utf-8').send(jsonTextOfAnswer(body));
}
