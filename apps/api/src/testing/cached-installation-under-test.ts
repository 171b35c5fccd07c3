// One database, two apis that cache what they read of it, and a worker that keeps the list of clients up to date.
import {
  Clock,
  EventLog,
  EventStore,
  Ids,
  Logger,
  LogSignal,
  Metrics,
  Projection,
  ProjectionRunner,
  ProjectionStore,
  Rebuilds,
  TimeLimit,
  Tracer,
} from '@groundwork/application';
import { ClientQueries } from '@groundwork/clients';
import { compose, contextModules, platformModules, readSettings, type App } from '@groundwork/configuration';
import { streamId, type TenantId } from '@groundwork/domain';
import { newEvent, rebuilt, testDatabase } from '@groundwork/testing';
import { Client } from 'pg';
import { contexts } from '../contexts.ts';

export interface CachedInstallation extends AsyncDisposable {
  /** What two api processes have, each with caches of its own. */
  readonly apis: readonly [App, App];
  /** Reads past every cache. */
  readonly uncached: ClientQueries;
  readonly worker: App;
  readonly list: Projection;
  /** Tells of a change of the client, and gives the position of the event; the list shows it after `project`. */
  change(tenant: TenantId, id: string, fields: Readonly<Record<string, unknown>>): Promise<bigint>;
  project(): Promise<void>;
  /** Brings the list up to date, builds it anew, and goes on with the new one. */
  rebuild(): Promise<void>;
  /** Changes rows as nobody may, so that the log says something else. */
  forge(tenant: TenantId, sql: string): Promise<void>;
}

export async function cachedInstallation(
  env: Readonly<Record<string, string>>,
  dataDir: string,
): Promise<CachedInstallation> {
  await using opened = new AsyncDisposableStack();
  const database = await testDatabase();
  opened.defer(() => database.drop());
  const program = async (user: 'api' | 'worker', more: Readonly<Record<string, string>>): Promise<App> => {
    const given = { NODE_ENV: 'test', GW_DATA_DIR: dataDir, DATABASE_URL: database.url, LOG_LEVEL: 'error', ...more };
    const settings = readSettings(given, contexts);
    const modules = [...platformModules(settings, user), ...contextModules(contexts, settings)];
    return opened.use(await compose({ program: user, modules }));
  };
  const apis = [await program('api', env), await program('api', env)] as const;
  const plain = await program('api', { GW_CACHE_STRATEGY: 'none' });
  const worker = await program('worker', { GW_CACHE_STRATEGY: 'none' });
  const [list] = worker.getAll<Projection>(Projection) as [Projection];
  const ports = {
    store: worker.get(ProjectionStore),
    log: worker.get(EventLog),
    signal: worker.get(LogSignal),
    clock: worker.get(Clock),
    ids: worker.get(Ids),
    timeLimit: worker.get(TimeLimit),
    tracer: worker.get(Tracer),
    logger: worker.get(Logger),
    metrics: worker.get(Metrics),
  };
  const runner = new ProjectionRunner(list, ports, { owner: 'worker' });
  await runner.runOnce();
  const kept = opened.move();
  return {
    apis,
    uncached: plain.get(ClientQueries),
    worker,
    list,
    async change(tenant, id, fields) {
      const stream = streamId('client', id);
      const data = changeEvent(id, fields);
      const events = [newEvent('ClientUpdated', data)];
      const appended = await apis[0].get(EventStore).append({ tenant, stream, expected: 'any', events });
      return appended.position;
    },
    async project() {
      while (await runner.runOnce()) continue;
    },
    async rebuild() {
      while (await runner.runOnce()) continue;
      await rebuilt({ ...ports, rebuilds: worker.get(Rebuilds) }, list);
    },
    async forge(tenant, sql) {
      await onDatabase(database.url, (client) => client.query(`${sql} where tenant = $1`, [tenant]));
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function onDatabase(url: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await work(client).finally(() => client.end());
}

let sequence = 0;

/** As EventBridge relays it. */
const changeEvent = (id: string, fields: Readonly<Record<string, unknown>>): object => ({
  'detail-type': 'AccountChangeEvent',
  source: 'aws.partner/salesforce.com/00DKz000001AbCdMAK/0YLKz0000008OqaGAE',
  detail: {
    payload: {
      ChangeEventHeader: {
        entityName: 'Account',
        recordIds: [id],
        changeType: 'UPDATE',
        transactionKey: `transaction-${++sequence}`,
        sequenceNumber: 1,
        commitTimestamp: Date.UTC(2026, 4, 7) + sequence,
        nulledFields: [],
        diffFields: [],
        changedFields: [],
      },
      ...fields,
    },
  },
});
