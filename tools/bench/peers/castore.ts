// Castore's PostgreSQL adapter. Its pool of ten pipelining connections cannot be configured.
import { Client } from 'pg';
import { payload } from '../payload.ts';
import type { Peer } from '../suite.ts';
import type { PeerPackages } from './install.ts';

const EVENT_STORE = { eventStoreId: 'bench' };

interface Castore {
  readonly PostgresEventStorageAdapter: {
    new (options: { connectionString: string }): CastoreAdapter;
    createEventTable(options: { connectionString: string }): Promise<unknown>;
  };
}

interface CastoreAdapter {
  /** It offers no way to close but that of its client. */
  readonly _sql: { end(): Promise<void> };
  pushEvent(
    event: { aggregateId: string; version: number; type: string; payload: unknown },
    options: typeof EVENT_STORE,
  ): Promise<unknown>;
  getEvents(aggregateId: string, context: typeof EVENT_STORE): Promise<{ readonly events: readonly unknown[] }>;
}

export async function castore(packages: PeerPackages, url: string): Promise<Peer> {
  const loaded = await packages.load<Castore & { default?: Castore }>('@castore/event-storage-adapter-postgres');
  const { PostgresEventStorageAdapter } = loaded.PostgresEventStorageAdapter ? loaded : loaded.default!;
  await PostgresEventStorageAdapter.createEventTable({ connectionString: url });
  const adapter = new PostgresEventStorageAdapter({ connectionString: url });
  return {
    name: 'castore',
    url,
    append: async (stream, expectedVersion, count = 1) => {
      for (let version = expectedVersion + 1; version <= expectedVersion + count; version++) {
        await adapter.pushEvent({ aggregateId: stream, version, type: 'ClientMeasured', payload }, EVENT_STORE);
      }
    },
    load: async (stream) => (await adapter.getEvents(stream, EVENT_STORE)).events.length,
    stored: () => countStored(url),
    [Symbol.asyncDispose]: () => adapter._sql.end(),
  };
}

async function countStored(url: string): Promise<Map<string, { count: number; version: number }>> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ stream: string; count: number; version: number }>(
      `select aggregate_id::text as stream, count(*)::int as count, max(version)::int as version
         from event group by aggregate_id`,
    );
    return new Map(rows.map((row) => [row.stream, row]));
  } finally {
    await client.end();
  }
}
