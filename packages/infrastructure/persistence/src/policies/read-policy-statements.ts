// The read policy of a projection as PostgreSQL keeps it: a policy, rights on columns, and what end users select from.
import type { Projection, ReadPolicy } from '@groundwork/application';
import { nameOf, quoted, SQL_TYPES } from '../postgres/read-model-statements.ts';

/** The role in whose name end users read. */
export const READER = 'groundwork_reader';
export const READ_POLICY = 'end_users';

// As PostgreSQL prints them, so that what is stored can be compared.
const setting = (name: string): string => `NULLIF(current_setting('groundwork.${name}'::text, true), ''::text)`;

export interface ReadPolicyText {
  /** With its schema; function and view share it. */
  readonly shown: string;
  readonly condition: string;
  /** The body of the function. */
  readonly body: string;
  /** `tenant` among them: the condition needs it. */
  readonly readableColumns: readonly string[];
}

export function readPolicyText({ table }: Projection, policy: ReadPolicy): ReadPolicyText {
  const { scope, where = {}, redactedColumns = [] } = policy;
  const columns = Object.keys(table.columns);
  const conditions = [
    `tenant = ${setting('tenant')}`,
    ...(scope === 'tenant' ? [] : [`${quoted(scope.userColumn)} = ${setting('user')}`]),
    ...Object.entries(where).map(([column, value]) => `${quoted(column)} = ${literalOf(value)}`),
  ];
  const shown = columns.map((column) =>
    redactedColumns.includes(column) ? `null::${SQL_TYPES[table.columns[column]!]}` : `stored.${quoted(column)}`,
  );
  return {
    shown: `${quoted(table.schema)}.${quoted(`${table.name}_for_users`)}`,
    condition: conditions.map((one) => `(${one})`).join(' AND '),
    body: ` select ${shown.join(', ')} from ${nameOf(table)} stored `,
    readableColumns: ['tenant', ...columns.filter((column) => !redactedColumns.includes(column))],
  };
}

// As PostgreSQL prints it.
function literalOf(value: string | number | boolean): string {
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'::text`;
  if (typeof value === 'boolean' || (value >= 0 && value <= INTEGER_MAX)) return String(value);
  return `'${value}'::${Math.abs(value) <= INTEGER_MAX ? 'integer' : 'bigint'}`;
}

const INTEGER_MAX = 2_147_483_647;

/**
 * The view asks a function and not the table: a view on the table would keep it from being rebuilt. The function has
 * the rights of its caller, so that policy and column rights hold, and is dissolved into the query around it.
 */
export function readPolicyCreation(projection: Projection, policy: ReadPolicy): readonly string[] {
  const { table } = projection;
  const { shown, condition, body, readableColumns } = readPolicyText(projection, policy);
  const columns = Object.entries(table.columns).map(([name, type]) => `${quoted(name)} ${SQL_TYPES[type]}`);
  return [
    `create policy ${READ_POLICY} on ${nameOf(table)} for select to ${READER} using (${condition})`,
    `grant usage on schema ${quoted(table.schema)} to ${READER}`,
    `grant select (${readableColumns.map(quoted).join(', ')}) on ${nameOf(table)} to ${READER}`,
    `create function ${shown}() returns table (${columns.join(', ')}) language sql stable as $$${body}$$`,
    `revoke all on function ${shown}() from public`,
    `grant execute on function ${shown}() to ${READER}`,
    `create view ${shown} with (security_invoker = true) as select * from ${shown}()`,
    `grant select on ${shown} to ${READER}`,
  ];
}

export function readPolicyRemoval({ table }: Projection): readonly string[] {
  const shown = `${quoted(table.schema)}.${quoted(`${table.name}_for_users`)}`;
  return [
    `drop view if exists ${shown}`,
    `drop function if exists ${shown}()`,
    `revoke all on ${nameOf(table)} from ${READER}`,
    `drop policy if exists ${READ_POLICY} on ${nameOf(table)}`,
  ];
}
