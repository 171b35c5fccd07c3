// What end users may read of a read model, where a program asks the database in their name.
import { Misconfigured } from '../errors.ts';
import type { ColumnType, Projection } from './projection.ts';

export interface ReadPolicy {
  /** All rows of the tenant, or only those whose column holds the user. */
  readonly scope: 'tenant' | { readonly userColumn: string };
  /** Only rows in which these columns have these values. */
  readonly where?: Readonly<Record<string, string | number | boolean>>;
  /** Columns of which end users see nothing but null. */
  readonly redactedColumns?: readonly string[];
}

/** Throws Misconfigured `projection.read-policy-impossible` where the policy does not fit the declared columns. */
export function refuseImpossibleReadPolicy({ name, table, readPolicy }: Projection): void {
  if (readPolicy === undefined) return;
  const { scope, where = {}, redactedColumns = [] } = readPolicy;
  const compared: [string, unknown][] = [
    ...(scope === 'tenant' ? [] : [[scope.userColumn, ''] as [string, unknown]]),
    ...Object.entries(where),
  ];
  const wrong =
    compared.find(([column, value]) => !isComparable(value, table.columns[column]))?.[0] ??
    redactedColumns.find((column) => !(column in table.columns) || column === table.key);
  if (wrong === undefined) return;
  throw new Misconfigured(
    'projection.read-policy-impossible',
    `The read policy of ${name} names "${wrong}", which is not declared so that it could be compared or redacted.`,
    'Compare texts, whole numbers and booleans with such columns, hold the user in a text, and leave the key to be read.',
  );
}

const isComparable = (value: unknown, type: ColumnType | undefined): boolean =>
  type !== undefined &&
  COMPARABLE[typeof value]?.includes(type) === true &&
  (typeof value !== 'number' || Number.isSafeInteger(value));

/** By the type of a value: what it can be compared with. */
const COMPARABLE: Readonly<Record<string, readonly ColumnType[]>> = {
  string: ['text'],
  number: ['integer', 'bigint'],
  boolean: ['boolean'],
};
