// What end users may read of a read model, where a program asks the database in their name.
import { Misconfigured } from '../errors.ts';
import type { Projection } from './projection.ts';

export interface ReadPolicy {
  /** All rows of the tenant, or only those whose column holds the user. */
  readonly scope: 'tenant' | { readonly userColumn: string };
  /** Only rows in which these columns have these values. */
  readonly where?: Readonly<Record<string, string | number | boolean>>;
  /** Columns of which end users see nothing but null. */
  readonly redactedColumns?: readonly string[];
}

/** Throws Misconfigured `projection.read-policy-impossible` for a column that is not declared, and a redacted key. */
export function refuseImpossibleReadPolicy({ name, table, readPolicy }: Projection): void {
  if (readPolicy === undefined) return;
  const { scope, where = {}, redactedColumns = [] } = readPolicy;
  const named = [...(scope === 'tenant' ? [] : [scope.userColumn]), ...Object.keys(where), ...redactedColumns];
  const wrong = named.find((column) => !(column in table.columns)) ?? redactedColumns.find((one) => one === table.key);
  if (wrong === undefined) return;
  throw new Misconfigured(
    'projection.read-policy-impossible',
    `The read policy of ${name} names "${wrong}", which is not declared, or is the key and should be redacted.`,
    'Name declared columns; leave the key to be read.',
  );
}
