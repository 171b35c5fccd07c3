// Our event store as the product composes it: measured, with its metrics, its logger and its pool.
import { EventStore, Ids } from '@groundwork/application';
import { compose, platformModules, readSettings } from '@groundwork/configuration';
import { parseTenantId, streamId } from '@groundwork/domain';
import { Database } from '@groundwork/persistence';
import type { Contender } from './append-suite.ts';
import { BENCH_EVENT_TYPE, benchModule } from './bench.module.ts';
import { payload } from './payload.ts';

const TENANT = parseTenantId('bench');
const STREAM_TYPE = 'bench';

export async function ourStore(url: string): Promise<Contender> {
  // Counting what is stored takes longer than a request may; nothing else differs from what a process has by default.
  const settings = readSettings({ DATABASE_URL: url, GW_DB_STATEMENT_TIMEOUT_MS: '120000', LOG_LEVEL: 'error' });
  const app = await compose({ program: 'bench', modules: [...platformModules(settings, 'api'), benchModule] });
  const [store, database, ids] = [app.get(EventStore), app.get(Database), app.get(Ids)];
  return {
    name: 'groundwork',
    append: async (stream, expected) => {
      const now = new Date();
      const id = ids.next();
      const metadata = { actor: 'bench', correlationId: id };
      const event = { id, type: BENCH_EVENT_TYPE, source: 'api', occurredAt: now, data: payload, metadata } as const;
      await store.append({ tenant: TENANT, stream: streamId(STREAM_TYPE, stream), expected, events: [event] });
    },
    stored: () => countStored(database),
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

async function countStored(database: Database): Promise<Map<string, { count: number; version: number }>> {
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
