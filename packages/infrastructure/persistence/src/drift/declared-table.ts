// The table of a read model as the program declares it: by its projection, and in more detail by its entity.
import type { ReadModelTable } from '@groundwork/application';
import type { EntitySchema, EntitySchemaColumnOptions } from 'typeorm';
import { definitionOf, type IndexDefinition } from '../read-model-index.ts';
import { quoted, SQL_TYPES } from '../postgres/read-model-statements.ts';

export interface DeclaredColumn {
  readonly name: string;
  /** As PostgreSQL can read it: `timestamptz`, `text[]`. */
  readonly type: string;
  /** Type, precision and collation, as a `create table` has them. */
  readonly definition: string;
  /** Undefined where only a projection declares the column: it says nothing about it. */
  readonly details: { readonly collation: string | undefined; readonly isNotNull: boolean } | undefined;
}

export interface DeclaredTable {
  readonly schema: string;
  readonly name: string;
  /** `tenant` is the first. */
  readonly columns: readonly DeclaredColumn[];
  readonly key: readonly string[];
  /** Null where the name of the primary key is left to PostgreSQL. */
  readonly keyName: string | null;
  readonly uniques: readonly { readonly name: string; readonly columns: readonly string[] }[];
  /** Without a definition, how it is made stands in the migration alone. */
  readonly indexes: readonly { readonly name: string; readonly definition: IndexDefinition | undefined }[];
}

export function declaredTable(table: ReadModelTable, entities: readonly EntitySchema[]): DeclaredTable {
  const options = entities.find(
    ({ options: { schema, tableName, name } }) => schema === table.schema && (tableName ?? name) === table.name,
  )?.options;
  const described = new Map(
    Object.entries(options?.columns ?? {}).flatMap(([property, column]) =>
      column === undefined ? [] : [[column.name ?? property, column] as const],
    ),
  );
  const names = new Set(['tenant', ...Object.keys(table.columns), ...described.keys()]);
  return {
    schema: table.schema,
    name: table.name,
    columns: [...names].map((name) => columnOf(name, table, described.get(name))),
    key: ['tenant', table.key],
    keyName: described.get(table.key)?.primaryKeyConstraintName ?? null,
    uniques: (options?.uniques ?? []).flatMap(({ name, columns }) =>
      name === undefined || !Array.isArray(columns) ? [] : [{ name, columns }],
    ),
    indexes: (options?.indices ?? []).flatMap((index) =>
      index.name === undefined ? [] : [{ name: index.name, definition: definitionOf(index) }],
    ),
  };
}

function columnOf(
  name: string,
  { columns }: ReadModelTable,
  described: EntitySchemaColumnOptions | undefined,
): DeclaredColumn {
  const declared = columns[name];
  const type = declared === undefined ? typeOf(described) : SQL_TYPES[declared];
  if (described === undefined) {
    const details = name === 'tenant' ? { collation: undefined, isNotNull: true } : undefined;
    return { name, type, definition: type, details };
  }
  const { collation, nullable = false, precision } = described;
  const definition = [
    type === 'timestamptz' && typeof precision === 'number' ? `timestamptz(${precision})` : type,
    ...(collation === undefined ? [] : [`collate ${quoted(collation)}`]),
  ].join(' ');
  return { name, type, definition, details: { collation, isNotNull: !nullable } };
}

const typeOf = (described: EntitySchemaColumnOptions | undefined): string =>
  typeof described?.type === 'string' ? `${described.type}${described.array === true ? '[]' : ''}` : 'text';
