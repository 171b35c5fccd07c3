// Why a row of a read model says what it says: the events, commands and actors that made it.
import { isUuid, streamName, type TenantId } from '@groundwork/domain';
import { z } from 'zod';
import { rowLineage, type RowLineage } from '../lineage/row-lineage.ts';
import type { HandlerLimit } from '../lineage/stream-replay.ts';
import type { CommandStore, StoredCommand } from '../ports/command-store.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { ReadModels } from '../ports/read-models.ts';
import type { Projection, Row } from '../projections/projection.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { pageLimit, pageOf, streamNamed } from './page.ts';
import { READ, READ_PAYLOADS } from './platform-roles.ts';
import { projectionNamed } from './projection-endpoints.ts';
import { toldError, versionAfter } from './stream-state-endpoints.ts';
import { toldEvent, toldEventOf } from './told-event.ts';

export interface RowLineagePorts extends HandlerLimit {
  readonly projections: readonly Projection[];
  readonly events: EventStore;
  readonly readModels: ReadModels;
  readonly commands: CommandStore;
}

const SHOWN = 'shown to holders of platform:read-payloads';

const stepBody = toldEvent.extend({
  command: z.object({ id: z.string(), type: z.string(), status: z.string() }).nullable(),
  changed: z.array(z.string()).describe('The columns that the event has changed.'),
  values: z.record(z.string(), z.unknown()).optional().describe(`What it has changed them to; ${SHOWN}.`),
  error: toldError,
});
const lineageBody = pageOf(stepBody).extend({
  projection: z.string(),
  key: z.string(),
  stream: z.string().describe('type/id'),
  isStored: z.boolean().describe('Whether the read model holds the row now.'),
  differs: z
    .array(z.string())
    .describe('Columns in which the stored row is not what the events give: behind, parked, or made by other code.'),
  columns: z.array(
    z.object({
      column: z.string(),
      origin: toldEvent.nullable().describe('The event that has set the value the events give now.'),
      value: z.unknown().optional().describe(`As it is stored; ${SHOWN}.`),
    }),
  ),
});

export const getRowLineage = (ports: RowLineagePorts): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v1/projections/:name/rows/:key/lineage',
    summary: 'From a row of a read model to the events, commands and actors that made it, column by column',
    permission: READ,
    params: z.object({ name: z.string().max(200), key: z.string().min(1).max(300) }),
    query: z.strictObject({
      stream: z.string().max(300).optional().describe('type/id; needed where the projection does not say it'),
      after: versionAfter,
      limit: pageLimit,
    }),
    responses: {
      200: { description: 'Where each column comes from, and a page of the events of the row', schema: lineageBody },
      404: { description: 'No such projection, or no such row' },
    },
    async handle({ params: { name, key }, query: { stream, after, limit }, tenant, actor }) {
      const projection = projectionNamed(ports.projections, name);
      const from = stream === undefined ? {} : { stream: streamNamed(stream, '/query/stream') };
      const lineage = await rowLineage({ projection, tenant, key, after, limit, ...from }, ports);
      const commands = await commandsBehind(lineage, tenant, ports.commands);
      const arePayloadsShown = actor.permissions.has(READ_PAYLOADS);
      return { status: 200, body: bodyOf({ projection, key, lineage, commands, arePayloadsShown }) };
    },
  });

/** The commands that led to the events of the page, by their ids. */
async function commandsBehind(
  { steps }: RowLineage,
  tenant: TenantId,
  commands: CommandStore,
): Promise<ReadonlyMap<string, StoredCommand>> {
  const causes = new Set(steps.flatMap(({ event }) => event.metadata.causationId ?? []));
  const found = await commands.getAll(tenant, [...causes].filter(isUuid));
  return new Map(found.map((command) => [command.id, command]));
}

function bodyOf({
  projection,
  key,
  lineage,
  commands,
  arePayloadsShown,
}: {
  readonly projection: Projection;
  readonly key: string;
  readonly lineage: RowLineage;
  readonly commands: ReadonlyMap<string, StoredCommand>;
  readonly arePayloadsShown: boolean;
}): z.input<typeof lineageBody> {
  const { stream, stored, differs, origins, steps, hasMore } = lineage;
  return {
    projection: projection.name,
    key,
    stream: streamName(stream),
    isStored: stored !== undefined,
    differs: [...differs],
    columns: Object.keys(projection.table.columns).map((column) => {
      const origin = origins.get(column);
      return {
        column,
        origin: origin === undefined ? null : toldEventOf(origin),
        ...(arePayloadsShown ? { value: stored?.[column] ?? null } : {}),
      };
    }),
    items: steps.map(({ event, row: { value, changed, error } }) => ({
      ...toldEventOf(event),
      command: commandBehind(commands.get(event.metadata.causationId ?? '')),
      changed: [...changed],
      ...(arePayloadsShown ? { values: valuesOf(value, changed) } : {}),
      error: error ?? null,
    })),
    next: hasMore ? String(steps.at(-1)!.event.streamVersion) : null,
  };
}

const commandBehind = (command: StoredCommand | undefined) =>
  command === undefined ? null : { id: command.id, type: command.type, status: command.status };

const valuesOf = (row: Row | undefined, columns: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(columns.map((column) => [column, row?.[column] ?? null]));
