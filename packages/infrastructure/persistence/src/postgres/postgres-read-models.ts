// The rows of read models in PostgreSQL, as their tenant may see them.
import type { Projection, ReadModels, Row } from '@groundwork/application';
import type { Database } from './database.ts';
import { loadStatement, rowOf } from './read-model-statements.ts';

export class PostgresReadModels implements ReadModels {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async find({ table }: Projection, tenant: string, key: string): Promise<Row | undefined> {
    const [row] = await this.#database.transaction(tenant, ({ query }) =>
      query<Row>(loadStatement(table, tenant, [key])),
    );
    return row && rowOf(table, row);
  }
}
