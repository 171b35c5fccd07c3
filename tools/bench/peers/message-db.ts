// Message DB: functions in PostgreSQL, called over pg as its clients do. One lock for each category.
import { readFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Client, Pool } from 'pg';
import { payload } from '../payload.ts';
import type { Peer } from '../suite.ts';
import type { PeerPackages } from './install.ts';

const POOL_SIZE = 16;
/** As many categories as clients: with a single one every append waits for every other. */
const CATEGORIES = 64;

// In the order of the package's install.sh. Its extension, pgcrypto, gives what PostgreSQL 13 has by itself.
const SCRIPTS = [
  'schema/message-store',
  'tables/messages',
  'types/message',
  ...[
    'message-store-version',
    'hash-64',
    'acquire-lock',
    'category',
    'is-category',
    'id',
    'cardinal-id',
    'stream-version',
    'write-message',
    'get-stream-messages',
    'get-category-messages',
    'get-last-stream-message',
  ].map((name) => `functions/${name}`),
  ...['messages-id', 'messages-stream', 'messages-category'].map((name) => `indexes/${name}`),
];

/** Its functions find each other by it. */
const SESSION_OPTIONS = '-c search_path=message_store,public';

export async function messageDb(packages: PeerPackages, url: string): Promise<Peer> {
  await install(packages.folder, url);
  const pool = new Pool({ connectionString: url, max: POOL_SIZE, options: SESSION_OPTIONS });
  pool.on('error', () => undefined);
  return {
    name: 'message-db',
    url,
    append: async (stream, expectedVersion, count = 1) => {
      // Its versions count from 0, and a stream without messages is at -1.
      for (let version = expectedVersion - 1; version < expectedVersion + count - 1; version++) {
        await pool.query({
          name: 'write_message',
          text: 'select write_message($1, $2, $3, $4, $5, $6)',
          values: [randomUUID(), nameOf(stream), 'ClientMeasured', JSON.stringify(payload), '{}', version],
        });
      }
    },
    load: async (stream) => {
      const { rows } = await pool.query<{ data: string }>({
        name: 'get_stream_messages',
        text: 'select * from get_stream_messages($1, 0, -1)',
        values: [nameOf(stream)],
      });
      for (const { data } of rows) JSON.parse(data);
      return rows.length;
    },
    stored: async () => {
      const { rows } = await pool.query<{ stream: string; count: number; version: number }>(
        `select id(stream_name) as stream, count(*)::int as count, max(position)::int + 1 as version
           from messages group by stream_name`,
      );
      return new Map(rows.map((row) => [row.stream, row]));
    },
    [Symbol.asyncDispose]: () => pool.end(),
  };
}

const nameOf = (stream: string): string => `bench${Number.parseInt(stream.slice(-6), 16) % CATEGORIES}-${stream}`;

async function install(folder: string, url: string): Promise<void> {
  for (const script of SCRIPTS) {
    const path = join(folder, 'node_modules/@eventide/message-db/database', `${script}.sql`);
    const sql = await readFile(path, 'utf8');
    await onSession(url, (client) => client.query(sql));
  }
}

/** One category with as many messages as asked for, and a reader of all of them, a thousand at a time. */
export async function messageDbCategory(
  url: string,
  messageCount: number,
  note: (line: string) => void,
): Promise<{ readonly name: string; read(): Promise<void> }> {
  note(`message-db: ${messageCount} messages are written.`);
  await onSession(url, (client) => client.query(FILL, [messageCount, JSON.stringify(payload)]));
  return { name: 'message-db', read: () => onSession(url, (client) => readCategory(client, messageCount)) };
}

const FILL = `
  insert into messages (position, stream_name, type, data, metadata)
    select (n - 1) / 1000 % 10, 'filled-' || (n - 1) / 10000 * 1000 + (n - 1) % 1000, 'ClientMeasured', $2::jsonb, '{}'
      from generate_series(1, $1::int) n`;

async function readCategory(client: Client, messageCount: number): Promise<void> {
  let read = 0;
  for (let position = '1'; ;) {
    const { rows } = await client.query<{ global_position: string }>({
      name: 'get_category_messages',
      text: `select * from get_category_messages('filled', $1, 1000)`,
      values: [position],
    });
    if (rows.length === 0) break;
    read += rows.length;
    position = String(BigInt(rows.at(-1)!.global_position) + 1n);
  }
  if (read !== messageCount) throw new Error(`message-db gave ${read} of ${messageCount} messages.`);
}

async function onSession<T>(url: string, work: (client: Client) => Promise<T>): Promise<void> {
  const client = new Client({ connectionString: url, options: `${SESSION_OPTIONS} -c client_min_messages=warning` });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
