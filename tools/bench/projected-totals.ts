// The projection whose speed is measured, run as a worker runs it.
import {
  Clock,
  EventLog,
  Ids,
  Logger,
  LogSignal,
  Metrics,
  ProjectionRunner,
  ProjectionStore,
  TimeLimit,
  Tracer,
  upsertProjection,
  type LogFields,
} from '@groundwork/application';
import { ownerName, readSettings, type App } from '@groundwork/configuration';
import { BENCH_EVENT_TYPE } from './bench.module.ts';
import { composed } from './our-store.ts';
import type { payload } from './payload.ts';

export const TOTALS = 'total';

/** One row for each stream: how many events it has, the sum of a number in them, and the latest of a text. */
const totals = upsertProjection({
  name: 'bench.totals',
  schemaVersion: 1,
  table: {
    schema: 'bench',
    name: TOTALS,
    key: 'stream',
    columns: { stream: 'text', events: 'integer', employees: 'integer', last_name: 'text', stream_version: 'integer' },
  },
  eventTypes: [BENCH_EVENT_TYPE],
  keyOf: (event) => event.stream.id,
  rowOf: (event) => {
    const { employees, name } = event.data as typeof payload;
    const stream_version = event.streamVersion;
    return { stream: event.stream.id, events: 1, employees, last_name: name, stream_version };
  },
  merge: { events: 'add', employees: 'add' },
});

export const totalsTable = (name: string): string =>
  benchTable(name, 'events integer, employees integer, last_name text, stream_version integer');

/** A table for rows of one stream each, protected as every read model is. */
export const benchTable = (name: string, columns: string): string => `
  create schema if not exists bench authorization groundwork_owner;
  create table bench.${name} (tenant text not null, stream text not null, ${columns}, primary key (tenant, stream));
  alter table bench.${name} owner to groundwork_owner;
  alter table bench.${name} enable row level security, force row level security;
  create policy own_tenant on bench.${name} to groundwork_app
    using (tenant = nullif(current_setting('groundwork.tenant', true), ''))
    with check (tenant = nullif(current_setting('groundwork.tenant', true), ''));
  grant usage on schema bench to groundwork_app;
  grant select on bench.${name} to groundwork_app;
  grant insert, update, delete on bench.${name} to groundwork_worker;`;

export interface BuiltTotals extends AsyncDisposable {
  /** Applies everything there is. */
  catchUp(): Promise<void>;
}

/** The read model built from the beginning, with the settings that a worker has by default. */
export async function buildTotals(url: string): Promise<BuiltTotals> {
  const app = await composed(url, 'worker');
  const store = app.get(ProjectionStore);
  await store.register(totals, settings.slices);
  return {
    catchUp: async () => {
      const { runner, owner } = runnerOf(app);
      while (await runner.runOnce()) continue;
      await store.releaseAll(owner);
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

/** The read model as it follows the log; `onPassed` hears of each event once its row is committed. */
export async function followTotals(url: string, onPassed: (eventId: string) => void): Promise<AsyncDisposable> {
  const app = await composed(url, 'worker');
  const { runner } = runnerOf(app, listening(app.get(Logger), onPassed));
  const stop = new AbortController();
  const running = runner.run(stop.signal);
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
      await app[Symbol.asyncDispose]();
    },
  };
}

const settings = readSettings({}).worker;

function runnerOf(app: App, logger = app.get(Logger)): { runner: ProjectionRunner; owner: string } {
  const { slices, batchSizeMax, leaseMs, pollIntervalMs } = settings;
  const ids = app.get(Ids);
  const owner = ownerName(ids);
  const ports = {
    store: app.get(ProjectionStore),
    log: app.get(EventLog),
    signal: app.get(LogSignal),
    clock: app.get(Clock),
    ids,
    timeLimit: app.get(TimeLimit),
    tracer: app.get(Tracer),
    logger,
    metrics: app.get(Metrics),
  };
  return {
    runner: new ProjectionRunner(totals, ports, { owner, slices, batchSizeMax, leaseMs, pollIntervalMs }),
    owner,
  };
}

/** The runner tells of each event it has passed, after the commit. */
const listening = (logger: Logger, onPassed: (eventId: string) => void): Logger => ({
  error: (message, fields) => logger.error(message, fields),
  warn: (message, fields) => logger.warn(message, fields),
  info: (message, fields) => logger.info(message, fields),
  debug: (_message, fields: LogFields | (() => LogFields) = {}) => {
    const { eventId } = typeof fields === 'function' ? fields() : fields;
    if (typeof eventId === 'string') onPassed(eventId);
  },
  child: (fields) => listening(logger.child(fields), onPassed),
});
