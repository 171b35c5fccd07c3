// What stands in the database, seen past the product, and what has to stand there after all that was accepted.
import { ExactJson, type RecordedEvent } from '@groundwork/application';
import { runningEmbeddedPostgres } from '@groundwork/configuration';
import { expect } from '@jest/globals';
import { Client } from 'pg';
import { clientList } from '../../packages/contexts/clients/src/features/client-list/client-list.projection.ts';
import { viewOf, type ClientRow } from '../../packages/contexts/clients/src/features/client-list/client-row.ts';
import { CLIENT_MAPPING } from '../../packages/contexts/clients/src/model/client-mapping.ts';
import type { ClientFeed } from './change-feed.ts';
import { holds } from './started-product.ts';
import type { Accepted } from './producer.ts';

interface LoggedEvent {
  readonly position: string;
  readonly stream_id: string;
  readonly stream_version: number;
  readonly type: string;
  readonly causation: string;
  readonly data: string;
}
type Row = Readonly<Record<string, unknown>>;

/** A superuser's connection to the product's database, for the time of `look`. */
export async function withDatabase<T>(dataDir: string, look: (client: Client) => Promise<T>): Promise<T> {
  const url = new URL((await runningEmbeddedPostgres(dataDir))!);
  url.pathname = '/groundwork';
  const client = new Client({ connectionString: url.href });
  await client.connect();
  try {
    return await look(client);
  } finally {
    await client.end();
  }
}

export async function rowsOf<R extends Row>(client: Client, sql: string, values: unknown[] = []): Promise<R[]> {
  return (await client.query<R>(sql, values)).rows;
}

/** Waits until no command is open and every slice of every projection stands at the end of the log. */
export async function settled(client: Client, timeoutMs = 60_000): Promise<void> {
  await holds(async () => {
    expect(await rowsOf(client, OPEN)).toEqual([{ open: 0, behind: 0 }]);
  }, timeoutMs);
}

const OPEN = `
  select (select count(*)::int from groundwork.command where status in ('pending', 'consumed')) as open,
         (select count(*)::int from groundwork.projection_slice
           where position < (select coalesce(max(position), 0) from groundwork.event)) as behind`;

/**
 * Everything accepted is in the log exactly once, per client in the order in which it was sent and without a gap, its
 * command is processed, and the list shows what a pure replay of the log gives, and what the feeds meant. Only the
 * commands that are named may have been refused.
 */
export async function expectNothingLostNorTwice(
  client: Client,
  feeds: readonly ClientFeed[],
  accepted: readonly Accepted[],
  refusedCommandIds: readonly string[] = [],
): Promise<void> {
  const sent = feeds.flatMap(({ changes }) => changes);
  expect(accepted).toHaveLength(sent.length);
  expect(new Set(accepted.map(({ commandId }) => commandId)).size).toBe(sent.length);
  const ids = feeds.map(({ clientId }) => clientId);
  const commands = await rowsOf<{ status: string; id: string }>(
    client,
    'select status, command_id as id from groundwork.command where order_keys && $1',
    [ids.map((id) => `client/${id}`)],
  );
  const isRefused = ({ id }: { id: string }): boolean => refusedCommandIds.includes(id);
  const statuses = commands.filter((command) => !isRefused(command));
  expect(statuses.filter(({ status }) => status !== 'processed')).toEqual([]);
  expect(statuses.map(({ id }) => id).sort()).toEqual(accepted.map(({ commandId }) => commandId).sort());

  const log = await rowsOf<LoggedEvent & Row>(client, EVENTS, [ids]);
  const commandOf = new Map(accepted.map(({ change, commandId }) => [change, commandId]));
  for (const { clientId, changes } of feeds) {
    const stream = log.filter(({ stream_id: id }) => id === clientId);
    expect(stream.map(({ stream_version: version }) => version)).toEqual(changes.map((_, at) => at + 1));
    expect(stream.map(({ causation }) => causation)).toEqual(changes.map((change) => commandOf.get(change)));
    expect(stream.filter(({ data }, at) => !changes[at]!.forms.includes(data))).toEqual([]);
  }

  const rows = await clientRows(client, ids);
  expect(rows).toEqual(replayed(log));
  expect(rows.map((row) => viewOf(row as ClientRow))).toMatchObject(
    feeds.map(({ expected }) => expected).sort((a, b) => (a.id < b.id ? -1 : 1)),
  );
}

const EVENTS = `
  select e.position, s.id as stream_id, e.stream_version, e.type, e.metadata::jsonb ->> 'causationId' as causation, e.data
    from groundwork.event e join groundwork.stream s using (stream_id)
   where s.type = 'client' and s.id = any ($1) order by e.position`;

/** The rows of the list as they are stored, by id. */
export const clientRows = (client: Client, ids: readonly string[]): Promise<Row[]> =>
  rowsOf(
    client,
    `select ${Object.keys(list.table.columns).join()} from clients.client where aggregate_id = any ($1)
                   order by aggregate_id`,
    [ids],
  );

const list = clientList(CLIENT_MAPPING);

/** The rows that the projection makes of these events without any machinery around it, by id. */
function replayed(log: readonly LoggedEvent[]): readonly Row[] {
  const rows = new Map<string, ClientRow>();
  for (const { stream_id: id, stream_version: streamVersion, type, data } of log) {
    const event = { stream: { type: 'client', id }, streamVersion, type, dataText: data, data: JSON.parse(data) };
    rows.set(id, list.apply(rows.get(id), event as unknown as RecordedEvent)!);
  }
  const stored = (value: unknown): unknown => (value instanceof ExactJson ? value.text : value);
  return [...rows.values()]
    .sort((a, b) => (a.aggregate_id < b.aggregate_id ? -1 : 1))
    .map((row) => Object.fromEntries(Object.entries(row).map(([column, value]) => [column, stored(value)])));
}
