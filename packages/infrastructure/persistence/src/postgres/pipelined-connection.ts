// One connection on which statements are sent before those ahead of them are answered.
import pg from 'pg';
import type { ConnectionClass } from './connection-pool.ts';

// @types/pg does not know the option yet.
type PipelinedConfig = pg.ClientConfig & { readonly pipeline: true };

/**
 * Statements run one after the other, each in a transaction of its own: an error ends its own statement only. The
 * session never waits for the network between two of them, and no lock changes hands. Made at the first statement, and
 * anew when it was lost; what was under way on a lost connection rejects, and nobody knows whether it took effect.
 */
export class PipelinedConnection {
  readonly #config: PipelinedConfig;
  readonly #Connection: ConnectionClass;
  #client: Promise<pg.Client> | undefined;

  constructor(config: pg.ClientConfig, Connection: ConnectionClass = pg.Client) {
    this.#config = { ...config, pipeline: true };
    this.#Connection = Connection;
  }

  async query<R extends pg.QueryResultRow>(query: pg.QueryConfig): Promise<pg.QueryResult<R>> {
    this.#client ??= this.#connect();
    return (await this.#client).query<R>(query);
  }

  /** Lets what is under way end. */
  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    await client?.end();
  }

  #connect(): Promise<pg.Client> {
    const client = new this.#Connection(this.#config);
    const connected = client.connect().then(() => client);
    const forget = (): void => {
      if (this.#client === connected) this.#client = undefined;
    };
    client.on('error', forget);
    client.on('end', forget);
    connected.catch(forget);
    return connected;
  }
}
