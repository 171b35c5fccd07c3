// Compares the read policies that projections declare with what end users may read.
import { refuseImpossibleReadPolicy, type Projection } from '@groundwork/application';
import type pg from 'pg';
import { nameOf, quoted } from '../postgres/read-model-statements.ts';
import {
  READ_POLICY,
  READER,
  readPolicyCreation,
  readPolicyRemoval,
  readPolicyText,
} from './read-policy-statements.ts';

export type ReadPolicyFaultKind = 'read-policy-missing' | 'read-policy-differs' | 'read-policy-undeclared';

export interface ReadPolicyFault {
  readonly kind: ReadPolicyFaultKind;
  readonly table: string;
  readonly policy: string;
  readonly detail: string;
  readonly up: readonly string[];
  readonly down: readonly string[];
}

interface Stored {
  readonly condition: string | null;
  readonly body: string | null;
  readonly isView: boolean;
  readonly readableColumns: readonly string[];
  readonly others: readonly OtherPolicy[];
}

/** A policy of another name that lets end users see rows as well. */
interface OtherPolicy {
  readonly name: string;
  /** Of its roles those that are not end users. */
  readonly programs: readonly string[];
}

/** One fault at most for each projection; a table that is not there is no matter of policies. */
export async function lintReadPolicies(
  client: pg.Client,
  projections: readonly Projection[],
): Promise<readonly ReadPolicyFault[]> {
  const faults = [];
  for (const projection of projections) {
    refuseImpossibleReadPolicy(projection);
    const { schema, name } = projection.table;
    const { rows } = await client.query<Stored>(STORED, [schema, name]);
    if (rows[0] !== undefined) faults.push(faultOf(projection, rows[0]));
  }
  return faults.filter((fault) => fault !== undefined);
}

function faultOf(projection: Projection, stored: Stored): ReadPolicyFault | undefined {
  const { readPolicy, name, table } = projection;
  const isOpen = stored.condition !== null || stored.readableColumns.length > 0 || stored.isView;
  const removal = readPolicyRemoval(projection);
  const fault = (kind: ReadPolicyFaultKind, detail: string, up: readonly string[]): ReadPolicyFault => ({
    kind,
    table: nameOf(table).replaceAll('"', ''),
    policy: READ_POLICY,
    detail,
    up,
    // Taken back, nobody reads: what was there before was wrong.
    down: removal,
  });
  if (readPolicy === undefined) {
    return isOpen ? fault('read-policy-undeclared', `${name} declares none`, removal) : undefined;
  }
  const creation = readPolicyCreation(projection, readPolicy);
  // Where end users have no right yet, a policy that would let them see more does so once they have.
  const narrowed = stored.others.map((other) => withoutReaders(table, other));
  if (!isOpen) {
    const detail = [`${name} declares one`, ...besides(stored)].join(', ');
    return fault('read-policy-missing', detail, [...narrowed, ...creation]);
  }
  const differing = differences(projection, stored);
  if (differing.length === 0) return undefined;
  return fault('read-policy-differs', differing.join(', '), [...narrowed, ...removal, ...creation]);
}

/** "If exists": one that is of no use yet is dropped as such before. */
const withoutReaders = (table: Projection['table'], { name, programs }: OtherPolicy): string =>
  programs.length === 0
    ? `drop policy if exists ${quoted(name)} on ${nameOf(table)}`
    : `alter policy ${quoted(name)} on ${nameOf(table)} to ${programs.join(', ')}`;

function differences(projection: Projection, stored: Stored): readonly string[] {
  const declared = readPolicyText(projection, projection.readPolicy!);
  const parts: readonly (readonly [string, boolean])[] = [
    ['condition', plain(stored.condition ?? '') === plain(declared.condition)],
    ['what is shown', stored.body === declared.body && stored.isView],
    ['columns', sorted(stored.readableColumns) === sorted(declared.readableColumns)],
  ];
  return [...parts.flatMap(([part, isSame]) => (isSame ? [] : [part])), ...besides(stored)];
}

const besides = ({ others }: Stored): readonly string[] => others.map(({ name }) => `policy ${name} beside it`);

/** PostgreSQL quotes only what it must and has parentheses of its own; outside of texts there are but "and" and "=". */
const plain = (condition: string): string =>
  condition.replaceAll(/('(?:[^']|'')*')|[()"\s]/g, (_, text: string | undefined) => text ?? '');

const sorted = (names: readonly string[]): string => [...names].sort().join();

const STORED = `
  select (select pg_get_expr(p.polqual, p.polrelid) from pg_policy p where p.polrelid = c.oid and p.polname = '${READ_POLICY}'
             and p.polpermissive and p.polcmd = 'r' and p.polroles = array[to_regrole('${READER}')::oid]) as condition,
         (select p.prosrc from pg_proc p where p.pronamespace = s.oid and p.proname = $2 || '_for_users' and not p.prosecdef) as body,
         exists (select from pg_class v where v.relnamespace = s.oid and v.relname = $2 || '_for_users' and v.relkind = 'v'
                    and 'security_invoker=true' = any (v.reloptions)) as "isView",
         coalesce((select json_agg(a.attname) from pg_attribute a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and to_regrole('${READER}') is not null
              and has_column_privilege(to_regrole('${READER}')::oid, c.oid, a.attnum, 'select')), '[]') as "readableColumns",
         coalesce((select json_agg(json_build_object('name', p.polname, 'programs', r.programs) order by p.polname)
            from pg_policy p cross join lateral (
                   select coalesce(bool_or(reads), false) as "hasReaders",
                          case when bool_or(o = 0) then '["groundwork_app", "groundwork_worker"]'
                               else coalesce(json_agg(o::regrole::text) filter (where not reads), '[]') end as programs
                     from unnest(p.polroles) o,
                          lateral (select o = 0 or pg_has_role(to_regrole('${READER}')::oid, o, 'usage') as reads) as asked
                 ) r
           where p.polrelid = c.oid and p.polname <> '${READ_POLICY}' and p.polpermissive and p.polcmd in ('*', 'r')
             and r."hasReaders"), '[]') as others
    from pg_class c join pg_namespace s on s.oid = c.relnamespace
   where s.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p')`;
