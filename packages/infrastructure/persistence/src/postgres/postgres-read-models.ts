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

  async withoutTable(projections: readonly Projection[]): Promise<readonly Projection[]> {
    const [schemas, names] = [projections.map(({ table }) => table.schema), projections.map(({ table }) => table.name)];
    const missing = await this.#database.query<{ n: number }>({
      name: 'missing_tables',
      text: `select wanted.n::int as n from unnest($1::text[], $2::text[]) with ordinality as wanted (schema, name, n)
              where not exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace s on s.oid = c.relnamespace
                                 where s.nspname = wanted.schema and c.relname = wanted.name)
              order by n`,
      values: [schemas, names],
    });
    return missing.map(({ n }) => projections[n - 1]!);
  }
}
