// The refusals of a typed table, where rows have no table.
import { InvalidInput, type ColumnType, type ReadModelTable, type Row } from '@groundwork/application';

const INTEGER_MAX = 2 ** 31 - 1;
const NUL = '\u0000';

/** Throws `projection.row-refused` for a row that PostgreSQL would not take. */
export function refuseUnfitRow(table: ReadModelTable, row: Row): void {
  for (const [column, value] of Object.entries(row)) {
    const type = table.columns[column];
    if (type === undefined) throw rowRefused(table, column, 'is not a column');
    if (value !== null && value !== undefined && !FITS[type](value))
      throw rowRefused(table, column, `does not hold ${type}`);
  }
}

const isText = (value: unknown): boolean => typeof value === 'string' && !value.includes(NUL);

const FITS: Readonly<Record<ColumnType, (value: unknown) => boolean>> = {
  text: isText,
  'text[]': (value) => Array.isArray(value) && value.every(isText),
  integer: (value) => Number.isInteger(value) && Math.abs(value as number) <= INTEGER_MAX,
  bigint: (value) => typeof value === 'bigint' || Number.isInteger(Number(value)),
  boolean: (value) => typeof value === 'boolean',
  timestamp: (value) => !Number.isNaN(new Date(value as string).getTime()),
  json: () => true,
  'exact-json': () => true,
};

const rowRefused = (table: ReadModelTable, column: string, fault: string): InvalidInput =>
  new InvalidInput(
    'projection.row-refused',
    `A row of ${table.schema}.${table.name} is not storable: "${column}" ${fault}.`,
    "Correct the projection's apply or the table, then retry the parked stream.",
  );
