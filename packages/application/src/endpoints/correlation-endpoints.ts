// All that followed from one request: commands and events, each with what caused it.
import { isUuid, type TenantId } from '@groundwork/domain';
import { z } from 'zod';
import { NotFound } from '../errors.ts';
import type { CommandStore, StoredCommand } from '../ports/command-store.ts';
import type { EventStore } from '../ports/event-store.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { pageLimit, pageOf } from './page.ts';
import { READ } from './platform-roles.ts';
import { toldEvent, toldEventOf } from './told-event.ts';

const commandBody = z.object({
  kind: z.literal('command'),
  id: z.string(),
  type: z.string(),
  causationId: z.string().nullable().describe('The id of the event that led to it; null where it began.'),
  actor: z.string(),
  acceptedAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  status: z.string(),
  attempts: z.number().int(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
const eventBody = toldEvent.extend({ kind: z.literal('event') });

type Item = z.input<typeof commandBody> | z.input<typeof eventBody>;

const CURSOR = /^(?:command~(?<command>.{36})|event~(?<position>\d{1,18}))$/;
const cursorText = z.string().refine((text) => {
  const parts = CURSOR.exec(text)?.groups;
  return parts !== undefined && (parts['command'] === undefined || isUuid(parts['command']));
}, 'Send what the page before gave as `next`.');

export const getCorrelation = (commands: CommandStore, events: EventStore): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/correlations/:id',
    summary: 'All commands and events of one correlation: first the commands, oldest first, then the events',
    permission: READ,
    params: z.object({ id: z.string().min(1).max(200) }),
    query: z.strictObject({
      limit: pageLimit,
      cursor: cursorText.optional(),
    }),
    responses: {
      200: { description: 'A page of commands and events', schema: pageOf(z.union([commandBody, eventBody])) },
      404: { description: 'Nothing has this correlation id' },
    },
    async handle({ params: { id }, query: { limit, cursor }, tenant }) {
      const body = await pageOfCorrelation({ commands, events }, tenant, id, limit, cursor);
      if (cursor === undefined && body.items.length === 0) throw unknownCorrelation(id);
      return { status: 200, body };
    },
  });

async function pageOfCorrelation(
  { commands, events }: { readonly commands: CommandStore; readonly events: EventStore },
  tenant: TenantId,
  correlationId: string,
  limit: number,
  cursor = '',
): Promise<{ readonly items: readonly Item[]; readonly next: string | null }> {
  const { command, position } = CURSOR.exec(cursor)?.groups ?? {};
  const after = command !== undefined && isUuid(command) ? { after: command } : {};
  const accepted =
    position === undefined ? await commands.ofCorrelation(tenant, correlationId, { limit: limit + 1, ...after }) : [];
  if (accepted.length > limit) {
    const items = accepted.slice(0, limit).map(commandOf);
    return { items, next: `command~${items.at(-1)!.id}` };
  }
  const room = limit - accepted.length;
  const behind = BigInt(position ?? 0);
  const recorded = await events.query(tenant, { correlationId, after: behind, limit: room + 1 });
  const shown = recorded.slice(0, room);
  return {
    items: [...accepted.map(commandOf), ...shown.map((event) => ({ kind: 'event' as const, ...toldEventOf(event) }))],
    next: recorded.length > room ? `event~${shown.at(-1)?.position ?? behind}` : null,
  };
}

const commandOf = (command: StoredCommand): z.input<typeof commandBody> => ({
  kind: 'command',
  id: command.id,
  type: command.type,
  causationId: command.causationId ?? null,
  actor: command.actor.subject,
  acceptedAt: command.acceptedAt.toISOString(),
  updatedAt: command.updatedAt.toISOString(),
  status: command.status,
  attempts: command.attempts,
  error: command.error === undefined ? null : { code: command.error.code, message: command.error.message },
});

const unknownCorrelation = (id: string): NotFound =>
  new NotFound(
    'correlation.unknown',
    `No command and no event has the correlation id ${id.slice(0, 100)}.`,
    'Every answer carries its id in X-Correlation-Id, every event in metadata.correlationId.',
  );
