// The one pool of the process, transactions on it, and the one connection beside it on which appends follow each other.
import { Unavailable, type Logger, type Metrics, type Policy, type Resilience } from '@groundwork/application';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import pg from 'pg';
import type { DataSource, EntityManager, EntitySchema, QueryRunner } from 'typeorm';
import { connectionConfig, refuseWrongSession } from './connection-config.ts';
import { unlessAborted } from './cancellation.ts';
import { ConnectionPool, guardedConnections, isNeverMade } from './connection-pool.ts';
import { openDataSource } from './data-source.ts';
import { isConnectionEnded, isConnectionLost, isNotConnected, translated } from './database-errors.ts';
import { PipelinedConnection } from './pipelined-connection.ts';
import { operationOf, StatementMeter } from './statement-meter.ts';

const GOODBYE_MS_MAX = 2_000;

/** The role whose rights a process has. */
export type DatabaseRole = 'groundwork_app' | 'groundwork_worker' | 'groundwork_owner';

export interface DatabaseOptions {
  readonly url: string;
  readonly role: DatabaseRole;
  readonly applicationName: string;
  /** All connections, from 2: one is for what is sent in order, the others are the pool. */
  readonly poolSizeMax: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly idleTransactionTimeoutMs: number;
  readonly slowQueryMs: number;
  /** `transaction` when `url` leads to a pooler in transaction mode: nothing may rest on the session then. */
  readonly pooler?: 'none' | 'transaction';
  readonly entities?: readonly EntitySchema[];
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Has a say where connections are made, as `postgres`. */
  readonly resilience: Resilience;
}

/** A statement with a name is prepared once per connection. The name is the label of its measurements. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values?: readonly unknown[];
}

export type RunStatement = <R extends pg.QueryResultRow>(statement: Statement) => Promise<R[]>;

/** Statements of one transaction, all on one connection. */
export interface Transaction {
  readonly query: RunStatement;
  /** Sets the tenant whose rows the following statements may touch, until the transaction ends. */
  setTenant(tenant: string): Promise<void>;
}

export class Database {
  readonly pool: pg.Pool;
  readonly #options: DatabaseOptions;
  readonly #meter: StatementMeter;
  readonly #pipeline: PipelinedConnection;
  readonly #reconnecting: Policy;
  readonly #open = new Set<pg.PoolClient>();
  #orm: Promise<DataSource> | undefined;
  #isSessionKnown: boolean;
  #closed = false;

  constructor(options: DatabaseOptions) {
    this.#options = options;
    this.#isSessionKnown = options.pooler !== 'transaction';
    const connection = connectionConfig(options);
    const { resilience, metrics } = options;
    const Connection = guardedConnections(resilience.policyFor('postgres', { patterns: ['breaker'] }));
    const limits = { max: options.poolSizeMax - 1, idleTimeoutMillis: 30_000 };
    this.pool = new ConnectionPool({ ...connection, ...limits }, Connection, metrics);
    this.#pipeline = new PipelinedConnection(connection, Connection);
    this.#reconnecting = resilience.policyFor('postgres', { patterns: ['retry'], retryOn: isNotConnected });
    // An idle connection that dies is replaced at the next use; without a listener it would end the process.
    this.pool.on('error', (error) =>
      options.logger.warn('An idle database connection was lost.', { error: error.message }),
    );
    // The pool listens to idle connections only. One that dies while it is lent, between two statements, would end the
    // process too; whoever holds it hears of it from the next statement.
    this.pool.on('connect', (client) => client.on('error', () => undefined));
    this.pool.on('connect', (client) => this.#open.add(client));
    this.pool.on('remove', (client) => this.#open.delete(client));
    this.#meter = new StatementMeter(options);
  }

  /**
   * Runs one statement in its own transaction. A connection that turns out to be dead is replaced and the statement
   * sent again: statements sent here are reads, or give the same result when repeated. One that is aborted is ended
   * on the server, too.
   */
  async query<R extends pg.QueryResultRow>(statement: Statement, signal?: AbortSignal): Promise<R[]> {
    this.#refuseClosed();
    return this.#onLivingConnection(() =>
      signal === undefined ? this.#send<R>(this.pool, statement) : this.#sendUnlessAborted<R>(statement, signal),
    );
  }

  /**
   * As `query`, behind the pipelined statements that were sent before it, on a connection that serves nothing else. For
   * statements that would wait for each other on any two connections.
   */
  async queryInOrder<R extends pg.QueryResultRow>(statement: Statement): Promise<R[]> {
    this.#refuseClosed();
    return this.#onLivingConnection(() => this.#send<R>(this.#pipeline, statement));
  }

  /** Runs `work` in one transaction: committed when it resolves, rolled back and released when it rejects. */
  async transaction<T>(tenant: string | undefined, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    this.#refuseClosed();
    const client = await this.#begin(tenant);
    let failure: Error | undefined;
    try {
      const result = await work({
        query: <R extends pg.QueryResultRow>(statement: Statement) =>
          this.#send<R>(client, statement).catch(throwTranslated),
        setTenant: async (name) => void (await this.#control(client, 'set_tenant', tenantIs(name))),
      });
      const { command } = await this.#control(client, 'commit');
      // PostgreSQL answers the commit of a failed transaction with ROLLBACK, and says no more about it.
      if (command !== 'COMMIT') throw new Error(`The transaction ended in ${command}: an error of it was swallowed.`);
      return result;
    } catch (error) {
      failure = await this.#rolledBack(client, error);
      throw translated(error);
    } finally {
      client.release(failure);
    }
  }

  /**
   * Runs TypeORM's `work` in one transaction of the same pool, with the tenant set; `last` sends statements of its own
   * on the same connection, before the commit.
   */
  async withEntities<T>(
    tenant: string,
    work: (manager: EntityManager) => Promise<T>,
    last: (query: RunStatement) => Promise<void> = async () => undefined,
  ): Promise<T> {
    this.#refuseClosed();
    try {
      const { runner, client } = await this.#beginEntities();
      try {
        await runner.query(tenantIs(tenant));
        const result = await work(runner.manager);
        await last((statement) => this.#send(client, statement));
        // TypeORM does not look at the answer to its commit, which is ROLLBACK in a failed transaction. The state
        // arrives after the error that made it, so that it is certain only behind one more message.
        await this.#control(client, 'transaction_state', '');
        if (client.getTransactionStatus() === 'E') throw new Error('An error of the transaction was swallowed.');
        await runner.commitTransaction();
        return result;
      } catch (error) {
        // A connection that may still be busy must not reach the next borrower: TypeORM gives it back, closed.
        if (isConnectionLost(error)) void client.end().catch(() => undefined);
        else if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
        throw error;
      } finally {
        await runner.release();
      }
    } catch (error) {
      throw translated(error);
    }
  }

  /** Ends all connections; calling it again is harmless. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([this.#pipeline.close(), this.pool.end()]);
    // The pool calls itself ended while its connections still say goodbye. One whose server is gone gets no answer.
    const signal = AbortSignal.timeout(GOODBYE_MS_MAX);
    while (this.#open.size > 0 && !signal.aborted) await once(this.pool, 'remove', { signal }).catch(() => undefined);
  }

  /** Nothing is under way on a connection that is just beginning, so another one is safe. */
  #begin(tenant: string | undefined): Promise<pg.PoolClient> {
    const begin = tenant === undefined ? 'begin' : `begin; ${tenantIs(tenant)}`;
    return this.#onLivingConnection(async () => {
      const client = await this.pool.connect();
      try {
        await this.#control(client, 'begin', begin);
        return client;
      } catch (error) {
        client.release(error as Error);
        throw error;
      }
    });
  }

  async #beginEntities(): Promise<{ runner: QueryRunner; client: pg.Client }> {
    return this.#onLivingConnection(async () => {
      const runner = this.#measured((await this.#dataSource()).createQueryRunner());
      try {
        const client = (await runner.connect()) as pg.Client;
        await runner.startTransaction();
        return { runner, client };
      } catch (error) {
        await runner.release();
        throw error;
      }
    });
  }

  /** Waits a moment for a PostgreSQL that is being started again. */
  async #onLivingConnection<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#isSessionKnown) await this.checkSession();
    return this.#reconnecting.execute(() => this.#pastDeadConnections(work)).catch(throwTranslated);
  }

  /** After a restart of PostgreSQL the pool may hold nothing but dead connections: each is thrown away once. */
  async #pastDeadConnections<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (attempt >= this.#options.poolSizeMax || !isConnectionEnded(error) || isNeverMade(error)) throw error;
      }
    }
  }

  /**
   * Throws Misconfigured `database.session-settings` when a session may more, or longer, than it must. Behind a pooler,
   * where nothing could be asked for at its start, this is done before the first statement.
   */
  async checkSession(): Promise<void> {
    await refuseWrongSession((statement) => this.#send(this.pool, statement), this.#options).catch(throwTranslated);
    this.#isSessionKnown = true;
  }

  #dataSource(): Promise<DataSource> {
    this.#orm ??= openDataSource(this.pool, this.#options.entities ?? []).catch((error: unknown) => {
      this.#orm = undefined;
      throw error;
    });
    return this.#orm;
  }

  async #send<R extends pg.QueryResultRow>(
    target: Pick<PipelinedConnection, 'query'>,
    statement: Statement,
  ): Promise<R[]> {
    const { name, text } = statement;
    return this.#meter.measure(name, text, async () => (await target.query<R>(this.#queryConfig(statement))).rows);
  }

  async #sendUnlessAborted<R extends pg.QueryResultRow>(statement: Statement, signal: AbortSignal): Promise<R[]> {
    const client = await this.pool.connect();
    try {
      return await unlessAborted(client, signal, () => this.#send<R>(client, statement));
    } finally {
      client.release(signal.aborted);
    }
  }

  /** A name would be prepared in one session of the pooler and missed in the next. */
  #queryConfig({ name, text, values = [] }: Statement): pg.QueryConfig {
    return {
      ...(this.#options.pooler === 'transaction' ? {} : { name: preparedName(name) }),
      text,
      values: values as unknown[],
    };
  }

  /** Statements about the transaction itself. */
  #control(client: Pick<pg.Client, 'query'>, operation: string, sql = operation): Promise<pg.QueryResult> {
    return this.#meter.measure(operation, sql, () => client.query(sql));
  }

  /** Everything that TypeORM asks goes through this one method of its runner. */
  #measured(runner: QueryRunner): QueryRunner {
    const query = runner.query.bind(runner) as (sql: string, ...rest: unknown[]) => Promise<never>;
    runner.query = (sql: string, ...rest: unknown[]) =>
      this.#meter.measure(operationOf(sql), sql, () => query(sql, ...rest));
    return runner;
  }

  /** Undefined when the connection can be used again, the reason when it has to be thrown away. */
  async #rolledBack(client: pg.PoolClient, error: unknown): Promise<Error | undefined> {
    if (isConnectionLost(error)) return error as Error;
    try {
      await this.#control(client, 'rollback');
      return undefined;
    } catch (rollbackError) {
      return rollbackError as Error;
    }
  }

  #refuseClosed(): void {
    if (!this.#closed) return;
    throw new Unavailable(
      'database.closed',
      'The database has been closed by this process.',
      'Use it before the process stops.',
    );
  }
}

// PostgreSQL tells prepared statements apart by this many bytes of their names, and no more.
const PREPARED_NAME_MAX = 63;

const preparedName = (name: string): string =>
  Buffer.byteLength(name) > PREPARED_NAME_MAX ? createHash('sha256').update(name).digest('base64') : name;

/** Cannot take a parameter. */
const tenantIs = (tenant: string): string => `set local groundwork.tenant = ${pg.escapeLiteral(tenant)}`;

function throwTranslated(error: unknown): never {
  throw translated(error);
}
