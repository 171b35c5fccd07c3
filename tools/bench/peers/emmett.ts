// Emmett's PostgreSQL store, on a pool as large as the floor's.
import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { payload } from '../payload.ts';
import type { Peer } from '../suite.ts';
import type { PeerPackages } from './install.ts';

const POOL_SIZE = 16;

interface Emmett {
  getPostgreSQLEventStore(url: string, options: { connectionOptions: { pool: Pool } }): EmmettStore;
}

interface EmmettStore {
  appendToStream(
    stream: string,
    events: readonly { readonly type: string; readonly data: unknown }[],
    options: { readonly expectedStreamVersion: bigint | 'STREAM_DOES_NOT_EXIST' },
  ): Promise<unknown>;
  readStream(stream: string): Promise<{ readonly events: readonly unknown[] }>;
  readonly schema: { migrate(): Promise<unknown> };
  close(): Promise<void>;
}

interface EmmettProjections {
  postgreSQLRawSQLProjection(options: {
    name: string;
    canHandle: readonly string[];
    evolve(event: { data: typeof payload; metadata: { streamName: string } }): unknown;
  }): unknown;
  postgreSQLEventStoreConsumer(options: {
    connectionString: string;
    stopWhen: { noMessagesLeft: true };
    pulling: { batchSize: number };
  }): { projector(options: { projection: unknown }): unknown; start(): Promise<void>; close(): Promise<void> };
}

interface Dumbo {
  SQL(text: TemplateStringsArray, ...values: readonly unknown[]): unknown;
}

export async function emmett(packages: PeerPackages, url: string): Promise<Peer> {
  const { getPostgreSQLEventStore } = await packages.load<Emmett>('@event-driven-io/emmett-postgresql');
  const pool = new Pool({ connectionString: url, max: POOL_SIZE });
  pool.on('error', () => undefined);
  const store = getPostgreSQLEventStore(url, { connectionOptions: { pool } });
  await store.schema.migrate();
  return {
    name: 'emmett',
    url,
    append: async (stream, expectedVersion, count = 1) => {
      const events = Array.from({ length: count }, () => ({ type: 'ClientMeasured', data: payload }));
      const expectedStreamVersion = expectedVersion === 0 ? 'STREAM_DOES_NOT_EXIST' : BigInt(expectedVersion);
      await store.appendToStream(stream, events, { expectedStreamVersion });
    },
    project: (batchSize) => project(packages, url, pool, batchSize),
    projected: async () => {
      const { rows } = await pool.query<{ events: number }>('select sum(events)::int as events from total');
      return rows[0]!.events;
    },
    load: async (stream) => (await store.readStream(stream)).events.length,
    stored: async () => {
      const { rows } = await pool.query<{ stream: string; count: number; version: number }>(
        `select stream_id as stream, count(*)::int as count, max(stream_position)::int as version
           from emt_messages group by stream_id`,
      );
      return new Map(rows.map((row) => [row.stream, row]));
    },
    [Symbol.asyncDispose]: async () => {
      await store.close();
      if (!pool.ended) await pool.end();
    },
  };
}

/** A projector with an upsert for each event, as its documentation shows; a new one each time. */
async function project(packages: PeerPackages, url: string, pool: Pool, batchSize: number): Promise<void> {
  const { postgreSQLEventStoreConsumer, postgreSQLRawSQLProjection } = await packages.load<EmmettProjections>(
    '@event-driven-io/emmett-postgresql',
  );
  const { SQL } = await packages.load<Dumbo>('@event-driven-io/dumbo');
  await pool.query('drop table if exists total');
  await pool.query('create table total (stream text primary key, events int, employees int, last_name text)');
  const projection = postgreSQLRawSQLProjection({
    name: `totals-${batchSize}-${randomUUID()}`,
    canHandle: ['ClientMeasured'],
    evolve: ({ data, metadata }) =>
      SQL`insert into total values (${metadata.streamName}, 1, ${data.employees}, ${data.name})
          on conflict (stream) do update set events = total.events + 1,
            employees = total.employees + excluded.employees, last_name = excluded.last_name`,
  });
  const stopWhen = { noMessagesLeft: true } as const;
  const consumer = postgreSQLEventStoreConsumer({ connectionString: url, stopWhen, pulling: { batchSize } });
  consumer.projector({ projection });
  await consumer.start();
  await consumer.close();
}
