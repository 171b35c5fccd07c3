// The endpoints of the notes.
import {
  endpoint,
  ExactJson,
  NotFound,
  type CommandStore,
  type Endpoint,
  type EndpointRequest,
  type EndpointResponse,
  type EventStore,
  type Ids,
  type LoggedEvent,
} from '@groundwork/application';
import { z } from 'zod';

const byId = z.object({ id: z.string().min(1).max(200) });
const note = z.looseObject({ text: z.string() });

export interface NotePorts {
  readonly events: EventStore;
  readonly commands: CommandStore;
  readonly ids: Ids;
}

type Sent = Omit<EndpointRequest, 'params' | 'query'>;

/** `fail` makes whatever the test wants to see answered as an error. */
export function noteEndpoints(ports: NotePorts, fail: () => unknown): readonly Endpoint[] {
  return [
    endpoint({
      method: 'POST',
      path: '/v1/notes/:id',
      summary: 'Writes a note',
      permission: 'notes:write',
      params: byId,
      body: note,
      responses: { 201: { description: 'Written', schema: note } },
      handle: (request) => write(ports, request.params.id, request),
    }),
    endpoint({
      method: 'PUT',
      path: '/v1/notes/:id',
      summary: 'Changes a note that the caller has read',
      permission: 'notes:write',
      params: byId,
      body: note,
      ifMatchRequired: true,
      responses: { 201: { description: 'Written', schema: note } },
      handle: (request) => write(ports, request.params.id, request),
    }),
    endpoint({
      method: 'GET',
      path: '/v1/notes/:id',
      summary: 'A note',
      permission: 'notes:read',
      params: byId,
      responses: { 200: { description: 'The note', schema: note } },
      async handle({ params, tenant }) {
        const all: LoggedEvent[] = [];
        for await (const event of ports.events.readStream(tenant, { type: 'note', id: params.id })) all.push(event);
        const last = all.at(-1);
        if (last === undefined) throw new NotFound('notes.unknown', 'There is no such note.', 'Check the id.');
        return { status: 200, body: new ExactJson(last.dataText), streamVersion: last.streamVersion };
      },
    }),
    endpoint({
      method: 'GET',
      path: '/v1/notes',
      summary: 'All notes',
      permission: 'notes:read',
      reads: 'notes.list',
      query: z.strictObject({
        search: z.string().optional(),
        limit: z.coerce.number().int().min(1).max(200).default(50),
      }),
      responses: {
        200: { description: 'Notes', schema: z.object({ search: z.string().nullable(), limit: z.number() }) },
      },
      handle: async ({ query }) => ({ status: 200, body: { search: query.search ?? null, limit: query.limit } }),
    }),
    endpoint({
      method: 'POST',
      path: '/v1/note-commands',
      summary: 'Accepts a command to write a note',
      permission: 'notes:write',
      body: note,
      responses: { 202: { description: 'Accepted' } },
      handle: (request) => accept(ports, request),
    }),
    endpoint({
      method: 'GET',
      path: '/v1/faults',
      summary: 'Fails',
      permission: 'notes:read',
      responses: { 200: { description: 'Never' } },
      async handle() {
        throw fail();
      },
    }),
    endpoint({
      method: 'GET',
      path: '/v1/greeting',
      summary: 'Greets everybody',
      permission: 'public',
      responses: { 200: { description: 'A greeting' } },
      handle: async () => ({ status: 200, body: { hello: 'world' } }),
    }),
  ];
}

async function write({ events, ids }: NotePorts, id: string, request: Sent): Promise<EndpointResponse> {
  const { tenant, ifMatch, bodyText, actor, correlationId, requestId } = request;
  const appended = await events.append({
    tenant,
    stream: { type: 'note', id },
    expected: ifMatch ?? 'any',
    events: [
      {
        id: ids.next(),
        type: 'NoteWritten',
        source: 'api',
        occurredAt: new Date(),
        data: new ExactJson(bodyText),
        metadata: { actor: actor.subject, correlationId, requestId },
      },
    ],
  });
  return {
    status: 201,
    body: new ExactJson(bodyText),
    streamVersion: appended.streamVersion,
    position: String(appended.position),
    location: `/v1/notes/${encodeURIComponent(id)}`,
  };
}

async function accept({ commands, ids }: NotePorts, request: Sent): Promise<EndpointResponse> {
  const { command, repeated } = await commands.accept({
    id: ids.next(),
    tenant: request.tenant,
    type: 'notes.write-note',
    payload: new ExactJson(request.bodyText),
    orderKeys: [],
    idempotencyKey: request.idempotencyKey,
    fingerprint: ids.fingerprint(request.bodyText),
    actor: { subject: request.actor.subject, permissions: [...request.actor.permissions] },
    correlationId: request.correlationId,
    requestId: request.requestId,
  });
  return {
    status: 202,
    body: { id: command.id, status: command.status },
    location: `/v1/commands/${command.id}`,
    repeated,
  };
}
