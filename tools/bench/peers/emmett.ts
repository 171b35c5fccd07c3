// Emmett's PostgreSQL store, on a pool as large as the floor's.
import { Pool } from 'pg';
import { payload } from '../payload.ts';
import type { Peer } from '../suite.ts';
import type { PeerPackages } from './install.ts';

const POOL_SIZE = 32;

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
