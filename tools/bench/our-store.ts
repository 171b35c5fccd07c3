// Our event store as the product composes it: measured, with its metrics, its logger and its pool.
import { EventLog, EventStore, Ids, type NewEvent } from '@groundwork/application';
import { compose, platformModules, readSettings } from '@groundwork/configuration';
import { parseTenantId, streamId } from '@groundwork/domain';
import { Database } from '@groundwork/persistence';
import { BENCH_EVENT_TYPE, benchModule } from './bench.module.ts';
import { payload } from './payload.ts';
import type { Appender, Loader, StoredStreams } from './suite.ts';

export const TENANT = parseTenantId('bench');
export const STREAM_TYPE = 'bench';

/** Streams that end in a snapshot and the events of one more append. */
export interface SnapshotLoader extends Loader {
  appendWithSnapshot: Appender['append'];
}

export async function ourStore(url: string): Promise<Appender & Loader & { readonly fromSnapshot: SnapshotLoader }> {
  const app = await composed(url, 'api');
  const [store, database, ids] = [app.get(EventStore), app.get(Database), app.get(Ids)];
  const newEvent = (): NewEvent => {
    const id = ids.next();
    const metadata = { actor: 'bench', correlationId: id };
    return { id, type: BENCH_EVENT_TYPE, source: 'api', occurredAt: new Date(), data: payload, metadata };
  };
  return {
    name: 'groundwork',
    append: async (stream, expected, count = 1) => {
      const events = Array.from({ length: count }, newEvent);
      await store.append({ tenant: TENANT, stream: streamId(STREAM_TYPE, stream), expected, events });
    },
    load: async (stream) => {
      let parsed = 0;
      for await (const event of store.readStream(TENANT, streamId(STREAM_TYPE, stream))) {
        for (const { data } of event.parts) if (data !== undefined) parsed++;
      }
      return parsed;
    },
    fromSnapshot: snapshotLoader(store, newEvent),
    stored: () => countStored(database),
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

function snapshotLoader(store: EventStore, newEvent: () => NewEvent): SnapshotLoader {
  const snapshot = { schemaVersion: 1, stateText: JSON.stringify(payload) };
  return {
    name: 'groundwork, from a snapshot',
    appendWithSnapshot: async (stream, expected, count = 1) => {
      const events = Array.from({ length: count }, newEvent);
      await store.append({ tenant: TENANT, stream: streamId(STREAM_TYPE, stream), expected, events, snapshot });
    },
    load: async (stream) => {
      const { snapshot: kept, later } = await store.readFromSnapshot(TENANT, streamId(STREAM_TYPE, stream), {
        from: 1,
        to: 1,
      });
      JSON.parse(kept!.stateText);
      let version = kept!.streamVersion;
      for await (const event of later) for (const { data } of event.parts) if (data !== undefined) version++;
      return version;
    },
  };
}

/** The whole log, with the rights of a worker. */
export async function ourLog(url: string): Promise<AsyncDisposable & { readonly log: EventLog }> {
  const app = await composed(url, 'worker');
  return { log: app.get(EventLog), [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

/** A process of the product, as far as it is measured. */
export function composed(url: string, user: 'api' | 'worker'): ReturnType<typeof compose> {
  // Counting what is stored takes longer than a request may; nothing else differs from what a process has by default.
  const settings = readSettings({ DATABASE_URL: url, GW_DB_STATEMENT_TIMEOUT_MS: '120000', LOG_LEVEL: 'error' });
  return compose({ program: 'bench', modules: [...platformModules(settings, user), benchModule] });
}

async function countStored(database: Database): Promise<StoredStreams> {
  const rows = await database.transaction(TENANT, (transaction) =>
    transaction.query<{ stream: string; count: number; version: number }>({
      name: 'bench_count',
      // Counted before it is joined: nothing has analysed these tables yet.
      text: `with counted as materialized (
               select stream_id, count(*)::int as count, max(stream_version)::int as version
                 from groundwork.event where tenant = $1 group by stream_id
             )
             select s.id as stream, counted.count, counted.version
               from counted join groundwork.stream s using (stream_id)`,
      values: [TENANT],
    }),
  );
  return new Map(rows.map((row) => [row.stream, row]));
}
