// What became of a command, which ones failed, and another try.
import { parseUuid, type TenantId } from '@groundwork/domain';
import { z } from 'zod';
import { Conflict, NotFound } from '../errors.ts';
import type { Access } from '../ports/access.ts';
import type { CommandStore, StoredCommand } from '../ports/command-store.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { page, pageLimit, pageOf } from './page.ts';
import { OPERATE, READ, READ_PAYLOADS } from './platform-roles.ts';

const statuses = ['pending', 'consumed', 'processed', 'failed'] as const;

const commandBody = z.object({
  id: z.uuid(),
  type: z.string(),
  status: z.enum(statuses),
  attempts: z.number().int(),
  result: z.record(z.string(), z.unknown()).nullable(),
  error: z
    .object({ code: z.string(), message: z.string(), next: z.string().optional(), details: z.unknown().optional() })
    .nullable(),
  actor: z.string(),
  correlationId: z.string(),
  acceptedAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  payload: z.unknown().optional().describe('Exactly as it was sent; shown to holders of platform:read-payloads.'),
});

const byId = z.object({ id: z.uuid() });

export function commandEndpoints(commands: CommandStore, access: Access): readonly Endpoint[] {
  return [getCommand(commands, access), listCommands(commands), retryCommand(commands)];
}

const getCommand = (commands: CommandStore, access: Access): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/commands/:id',
    summary: 'What became of a command; who sent it may ask, and who holds platform:read',
    permission: 'authenticated',
    params: byId,
    responses: { 200: { description: 'The command', schema: commandBody }, 404: { description: 'No such command' } },
    async handle({ params, tenant, actor }) {
      const known = await commands.get(tenant, parseUuid(params.id));
      // Checked before anything is said: whether a command exists is not for everybody either.
      if (known?.actor.subject !== actor.subject) access.authorise(actor, READ);
      const command = found(known, params.id, tenant);
      const position = command.result?.position;
      const payload = actor.permissions.has(READ_PAYLOADS) ? { payload: command.payload } : {};
      return { status: 200, body: { ...bodyOf(command), ...payload }, ...(position === undefined ? {} : { position }) };
    },
  });

const listCommands = (commands: CommandStore): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/commands',
    summary: 'Commands, newest first; status=failed lists what was rejected, and why',
    permission: READ,
    query: z.strictObject({ status: z.enum(statuses).optional(), limit: pageLimit, cursor: z.uuid().optional() }),
    responses: { 200: { description: 'A page of commands', schema: pageOf(commandBody) } },
    async handle({ query: { status, limit, cursor }, tenant }) {
      const listed = await commands.list(tenant, {
        limit: limit + 1,
        ...(status === undefined ? {} : { status }),
        ...(cursor === undefined ? {} : { before: parseUuid(cursor) }),
      });
      return { status: 200, body: page(listed, limit, bodyOf, (command) => command.id) };
    },
  });

const retryCommand = (commands: CommandStore): Endpoint =>
  endpoint({
    method: 'POST',
    path: '/v1/commands/:id/retry',
    summary: 'Runs a failed command again',
    permission: OPERATE,
    params: byId,
    responses: {
      202: { description: 'It is pending again', schema: commandBody },
      404: { description: 'No such command' },
      409: { description: 'It has not failed' },
    },
    async handle({ params, tenant }) {
      const id = parseUuid(params.id);
      const { status } = found(await commands.get(tenant, id), params.id, tenant);
      if (status !== 'failed') {
        throw new Conflict(
          'command.not-failed',
          `Command ${id} is ${status}.`,
          'Only a failed command can be run again.',
        );
      }
      const command = found(await commands.retry(tenant, id), params.id, tenant);
      return { status: 202, body: bodyOf(command), location: `/v1/commands/${command.id}` };
    },
  });

function found(command: StoredCommand | undefined, id: string, tenant: TenantId): StoredCommand {
  if (command !== undefined) return command;
  throw new NotFound(
    'command.unknown',
    `Tenant ${tenant} has no command ${id}.`,
    'Check the id in the Location of the answer.',
  );
}

function bodyOf(command: StoredCommand): z.input<typeof commandBody> {
  return {
    id: command.id,
    type: command.type,
    status: command.status,
    attempts: command.attempts,
    result: command.result ?? null,
    error: command.error ?? null,
    actor: command.actor.subject,
    correlationId: command.correlationId,
    acceptedAt: command.acceptedAt.toISOString(),
    updatedAt: command.updatedAt.toISOString(),
  };
}
