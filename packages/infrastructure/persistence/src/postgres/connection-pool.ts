// The connections of a process: making one is guarded, waiting for one is measured.
import type { Histogram, Metrics, Policy } from '@groundwork/application';
import pg from 'pg';

type Connected = (error: Error) => void;
export type ConnectionClass = new (config?: pg.ClientConfig) => pg.Client;

/** Connections that are not even tried while `policy` says that nobody answers. */
export const guardedConnections = (policy: Policy): ConnectionClass =>
  class GuardedConnection extends pg.Client {
    override connect(): Promise<pg.Client>;
    override connect(callback: Connected): void;
    override connect(callback?: Connected): Promise<pg.Client> | void {
      // The pool begins to listen when it is told, which is later than the connection may be ended again.
      this.on('error', () => undefined);
      const connected = policy.execute(async () => {
        await super.connect().catch((error: Error) => {
          neverMade.add(error);
          throw error;
        });
        return this;
      });
      if (callback === undefined) return connected;
      connected.then(() => callback(null as never), callback);
    }
  };

/** Whether the error ended a connection before anything could be sent on it. */
export const isNeverMade = (error: unknown): boolean => neverMade.has(error as Error);
const neverMade = new WeakSet<Error>();

type Acquired = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  done: (release?: unknown) => void,
) => void;

/** Tells at any time how many connections there are, how many of them are idle, and how many callers wait for one. */
export class ConnectionPool extends pg.Pool {
  readonly #waits: Histogram;
  readonly #measure: () => void;

  constructor(config: pg.PoolConfig, Connection: ConnectionClass, metrics: Metrics) {
    super({ ...config, Client: Connection });
    const gauge = metrics.gauge('groundwork_db_pool_connections', 'Connections of the pool, and who waits for one.', [
      'state',
    ]);
    this.#waits = metrics.histogram(
      'groundwork_db_pool_wait_seconds',
      'How long a connection of the pool was waited for.',
    );
    this.#measure = () => {
      gauge.set(this.totalCount, { state: 'total' });
      gauge.set(this.idleCount, { state: 'idle' });
      gauge.set(this.waitingCount, { state: 'waiting' });
    };
    for (const event of ['connect', 'acquire', 'remove'] as const) this.on(event, this.#measure);
    // Told before the connection rests.
    this.on('release', () => queueMicrotask(this.#measure));
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: Acquired): void;
  override connect(callback?: Acquired): Promise<pg.PoolClient> | void {
    if (callback === undefined) {
      return new Promise((resolve, reject) => {
        this.connect((error, client) => (client === undefined ? reject(error) : resolve(client)));
      });
    }
    const askedAt = performance.now();
    super.connect((error, client, done) => {
      this.#waits.observe((performance.now() - askedAt) / 1_000);
      // Who gives up waiting is no event of the pool.
      if (error !== undefined) this.#measure();
      callback(error, client, done);
    });
    // Nor is who begins to wait.
    this.#measure();
  }
}
