// Streams that wait behind an event that could not be applied, and what to do with them.
import { z } from 'zod';
import { NotFound } from '../errors.ts';
import type { DeadLetters, ParkedStream } from '../ports/projection-store.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { page, pageLimit, pageOf } from './page.ts';
import { OPERATE, READ } from './platform-roles.ts';

const parkedBody = z.object({
  id: z.string(),
  projection: z.string(),
  stream: z.string().describe('type/id'),
  position: z.string(),
  eventId: z.string(),
  eventType: z.string(),
  attempts: z.number().int(),
  error: z.object({
    code: z.string(),
    message: z.string(),
    next: z.string().optional(),
    details: z.unknown().optional(),
  }),
  parkedAt: z.iso.datetime(),
  decision: z.enum(['retry', 'discard']).nullable(),
});

const byId = z.object({ id: z.uuid() });

export function deadLetterEndpoints(deadLetters: DeadLetters): readonly Endpoint[] {
  return [
    listDeadLetters(deadLetters),
    getDeadLetter(deadLetters),
    decideDeadLetter(deadLetters, 'retry', 'Applies the event again; the stream goes on when that succeeds'),
    decideDeadLetter(deadLetters, 'discard', 'Leaves the event out of the read model; the stream goes on behind it'),
  ];
}

const listDeadLetters = (deadLetters: DeadLetters): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/dead-letters',
    summary: 'Streams that are parked behind an event that could not be applied',
    permission: READ,
    query: z.strictObject({
      projection: z.string().max(200).optional(),
      limit: pageLimit,
      cursor: z.uuid().optional(),
    }),
    responses: { 200: { description: 'A page of parked streams', schema: pageOf(parkedBody) } },
    async handle({ query: { projection, limit, cursor }, tenant }) {
      const listed = await deadLetters.list(tenant, {
        limit: limit + 1,
        ...(projection === undefined ? {} : { projection }),
        ...(cursor === undefined ? {} : { after: cursor }),
      });
      return { status: 200, body: page(listed, limit, bodyOf, (parked) => parked.id) };
    },
  });

const getDeadLetter = (deadLetters: DeadLetters): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/dead-letters/:id',
    summary: 'One parked stream: behind which event it waits, why, and what was decided',
    permission: READ,
    params: byId,
    responses: {
      200: { description: 'The parked stream', schema: parkedBody },
      404: { description: 'No such dead letter' },
    },
    async handle({ params, tenant }) {
      return { status: 200, body: bodyOf((await deadLetters.get(tenant, params.id)) ?? unknown(params.id)) };
    },
  });

const decideDeadLetter = (deadLetters: DeadLetters, decision: 'retry' | 'discard', summary: string): Endpoint =>
  endpoint({
    method: 'POST',
    path: `/v1/dead-letters/:id/${decision}`,
    summary,
    permission: OPERATE,
    params: byId,
    responses: {
      202: { description: 'The worker will do it', schema: parkedBody },
      404: { description: 'No such dead letter' },
    },
    async handle({ params, tenant }) {
      const parked = await deadLetters.decide(tenant, params.id, decision);
      return { status: 202, body: bodyOf(parked ?? unknown(params.id)) };
    },
  });

function unknown(id: string): never {
  throw new NotFound('dead-letter.unknown', `There is no dead letter ${id}.`, 'GET /v1/dead-letters lists them.');
}

function bodyOf(parked: ParkedStream): z.input<typeof parkedBody> {
  return {
    id: parked.id,
    projection: parked.projection,
    stream: `${parked.stream.type}/${parked.stream.id}`,
    position: String(parked.position),
    eventId: parked.eventId,
    eventType: parked.eventType,
    attempts: parked.attempts,
    error: parked.error,
    parkedAt: parked.parkedAt.toISOString(),
    decision: parked.decision ?? null,
  };
}
