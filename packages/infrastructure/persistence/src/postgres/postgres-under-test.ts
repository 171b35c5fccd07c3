// The PostgreSQL adapters on a fresh copy of the migrated database, for the contract suites and specs of this folder.
import { EventTypes, type EventTypeDefinition } from '@groundwork/application';
import { MemoryLogger, MemoryMetrics, PlainResilience, testDatabase } from '@groundwork/testing';
import pg from 'pg';
import { Database, type DatabaseOptions, type DatabaseRole } from './database.ts';
import { PostgresCommandQueue } from './postgres-command-queue.ts';
import { PostgresCommandStore } from './postgres-command-store.ts';
import { PostgresEventLog } from './postgres-event-log.ts';
import { PostgresEventStore } from './postgres-event-store.ts';
import { PostgresLogSignal } from './postgres-log-signal.ts';
import { Signals } from './signals.ts';

export interface PostgresUnderTest {
  readonly url: string;
  /** A superuser, past every rule that holds for the programs. */
  readonly administrator: pg.Client;
  /** Another process, as it were: its own pool under one role. */
  connect(role: DatabaseRole, options?: Partial<DatabaseOptions>): Database;
  /** The stores that one api process and one worker process would hold. */
  stores(definitions: readonly EventTypeDefinition[]): Stores;
  /** Closes what was connected; the database stays. */
  disconnect(): Promise<void>;
  close(): Promise<void>;
}

export interface Stores {
  readonly events: PostgresEventStore;
  readonly log: PostgresEventLog;
  readonly signal: PostgresLogSignal;
  readonly commands: PostgresCommandStore;
  readonly queue: PostgresCommandQueue;
  readonly app: Database;
  readonly worker: Database;
}

/** `through` says how a process reaches the database of this name, where that is not directly. */
export async function postgresUnderTest(
  through: (database: string, role: DatabaseRole) => Partial<DatabaseOptions> = () => ({}),
): Promise<PostgresUnderTest> {
  const { url, drop } = await testDatabase();
  const administrator = new pg.Client({ connectionString: url });
  await administrator.connect();
  const opened: { close(): Promise<void> }[] = [];
  const connect = (role: DatabaseRole, options: Partial<DatabaseOptions> = {}): Database => {
    const database = new Database({
      ...DEFAULTS,
      url,
      role,
      logger: new MemoryLogger(),
      metrics: new MemoryMetrics(),
      ...through(new URL(url).pathname.slice(1), role),
      ...options,
    });
    opened.push(database);
    return database;
  };
  const disconnect = async (): Promise<void> => {
    for (const closable of opened.splice(0)) await closable.close();
  };
  return {
    url,
    administrator,
    connect,
    stores: (definitions) => {
      const types = new EventTypes(definitions);
      const [app, worker] = [connect('groundwork_app'), connect('groundwork_worker')];
      const [appSignals, workerSignals] = [app, worker].map(
        (database) => new Signals(database, url, new MemoryLogger()),
      );
      opened.unshift(appSignals!, workerSignals!);
      return {
        events: new PostgresEventStore(app, types, appSignals!),
        log: new PostgresEventLog(worker, types),
        signal: new PostgresLogSignal(app, types, appSignals!),
        commands: new PostgresCommandStore(app, appSignals!),
        queue: new PostgresCommandQueue(worker, workerSignals!),
        app,
        worker,
      };
    },
    disconnect,
    close: async () => {
      await disconnect();
      await administrator.end();
      await drop();
    },
  };
}

/** One database for many tests, without the rows of those before: copies would take most of the time. */
export async function emptied(shared: PostgresUnderTest): Promise<PostgresUnderTest> {
  await shared.administrator.query(EMPTY);
  return { ...shared, close: () => shared.disconnect() };
}

// The few rows are deleted sooner than tables are truncated, which makes each of them anew with its indexes.
const EMPTY = `
  set session_replication_role = replica;
  do $$ declare made text;
  begin
    for made in select nspname from pg_namespace where nspname ~ '^(contract|groundwork_rebuild)' loop
      execute format('drop schema %I cascade', made);
    end loop;
    for made in select oid::regclass from pg_class
                 where relnamespace = 'groundwork'::regnamespace and relkind = 'r' and relname <> 'migration' loop
      execute format('delete from %s', made);
    end loop;
  end $$;
  set session_replication_role = origin`;

/** What is set where a test says nothing else. */
export const DEFAULTS = {
  applicationName: 'groundwork-test',
  poolSizeMax: 10,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 30_000,
  lockTimeoutMs: 10_000,
  idleTransactionTimeoutMs: 30_000,
  slowQueryMs: 60_000,
  resilience: new PlainResilience(),
};
