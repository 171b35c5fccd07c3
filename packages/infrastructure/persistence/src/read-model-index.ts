// Indexes of read models that TypeORM has no words for: covering and partial ones, and those of other methods.
import type { EntitySchemaIndexOptions } from 'typeorm';

/** Names and words of a closed list: the database puts the statement together, so that no text of a program is run. */
export interface IndexDefinition {
  /** `btree` unless it says otherwise. */
  readonly method: 'btree' | 'gin' | 'gist' | 'brin' | 'hash';
  readonly columns: readonly string[];
  /** Kept beside the key, so that a query that asks for no more needs no row. */
  readonly include?: readonly string[];
  /** Only of the rows of which this holds. */
  readonly where?: { readonly column: string; readonly is: 'true' | 'false' | 'null' | 'not null' };
}

export interface ReadModelIndex extends EntitySchemaIndexOptions {
  readonly name: string;
  readonly definition: IndexDefinition;
}

/** For the `indices` of an entity. The migration makes it; a repair that finds it missing makes it again. */
export const readModelIndex = (
  name: string,
  columns: readonly string[],
  more: Partial<Omit<IndexDefinition, 'columns'>> = {},
): ReadModelIndex => ({
  name,
  columns: [...columns],
  synchronize: false,
  definition: { method: 'btree', columns, ...more },
});

/** Undefined for an index that is declared by its name alone. */
export function definitionOf(index: EntitySchemaIndexOptions): IndexDefinition | undefined {
  if ('definition' in index) return (index as ReadModelIndex).definition;
  const { columns, synchronize, unique = false, where, spatial } = index;
  if (synchronize === false || unique || where !== undefined || spatial === true) return undefined;
  return Array.isArray(columns) ? { method: 'btree', columns } : undefined;
}

/** For people: `(tenant, id) where not is_deleted`, `using gin (tags)`. */
export const textOf = ({ method, columns, include, where }: IndexDefinition): string =>
  [
    ...(method === 'btree' ? [] : [`using ${method}`]),
    `(${columns.join(', ')})`,
    ...(include === undefined ? [] : [`include (${include.join(', ')})`]),
    ...(where === undefined ? [] : [`where ${CONDITIONS[where.is](where.column)}`]),
  ].join(' ');

const CONDITIONS = {
  true: (column: string) => column,
  false: (column: string) => `not ${column}`,
  null: (column: string) => `${column} is null`,
  'not null': (column: string) => `${column} is not null`,
};
