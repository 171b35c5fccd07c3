// Indexes of read models that TypeORM has no words for: covering and partial ones, and those of other methods.
import type { EntitySchemaIndexOptions } from 'typeorm';

export interface ReadModelIndex extends EntitySchemaIndexOptions {
  readonly name: string;
  /** Everything behind `on <table>` in its statement: `using gin (tags)`, `(tenant, id) where not is_deleted`. */
  readonly definition: string;
}

/** For the `indices` of an entity. The migration makes it; a repair that finds it missing makes it again. */
export const readModelIndex = (name: string, columns: readonly string[], definition: string): ReadModelIndex => ({
  name,
  columns: [...columns],
  synchronize: false,
  definition,
});

/** Undefined for an index that is declared by its name alone. */
export function definitionOf(index: EntitySchemaIndexOptions): string | undefined {
  if ('definition' in index) return (index as ReadModelIndex).definition;
  const { columns, synchronize, unique = false, where, spatial } = index;
  const isSimple = synchronize !== false && !unique && spatial !== true && Array.isArray(columns);
  if (!isSimple) return undefined;
  return `(${(columns as string[]).map((column) => `"${column}"`).join(', ')})${where === undefined ? '' : ` where ${where}`}`;
}
