// The table of a read model as PostgreSQL's catalogue describes it.
import type pg from 'pg';
import type { DeclaredTable } from './declared-table.ts';

export interface FoundColumn {
  readonly name: string;
  readonly type: string;
  readonly collation: string | null;
  readonly isNotNull: boolean;
}

export interface FoundTable {
  /** It may differ from the declared one in its case. */
  readonly name: string;
  readonly columns: readonly FoundColumn[];
  /** The columns of the primary key in its order; none without one. */
  readonly key: readonly string[];
  readonly indexes: readonly string[];
  readonly isRowSecurityForced: boolean;
  /** What the programs need and no policy, or no right, lets them do: `select for groundwork_app`. */
  readonly withoutPolicy: readonly string[];
  readonly withoutRight: readonly string[];
  /** The declared types, by column, as PostgreSQL writes them. */
  readonly declaredTypes: Readonly<Record<string, string>>;
}

/** Undefined where there is no such table, in whatever case. */
export async function foundTable(client: pg.Client, declared: DeclaredTable): Promise<FoundTable | undefined> {
  const { rows } = await client.query<FoundTable>(FOUND, [
    declared.schema,
    declared.name,
    declared.columns.map(({ name }) => name),
    declared.columns.map(({ type }) => type),
  ]);
  return rows[0];
}

// A policy for a role holds for its members. What programs need of a read model: the api reads, the worker writes, and
// whoever exports, imports or drops a tenant does so as the owner.
const FOUND = `
  with needed (role, command, polcmd) as (
    values ('groundwork_app', 'select', 'r'), ('groundwork_worker', 'select', 'r'), ('groundwork_worker', 'insert', 'a'),
           ('groundwork_worker', 'update', 'w'), ('groundwork_worker', 'delete', 'd'), ('groundwork_owner', 'all', '*')
  )
  select c.relname::text as name, c.relrowsecurity and c.relforcerowsecurity as "isRowSecurityForced",
         coalesce((select json_agg(json_build_object(
                     'name', a.attname, 'type', format_type(a.atttypid, null), 'isNotNull', a.attnotnull,
                     'collation', case when l.collname <> 'default' then l.collname end) order by a.attnum)
            from pg_attribute a left join pg_collation l on l.oid = a.attcollation
           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]') as columns,
         coalesce((select json_agg(a.attname order by array_position(k.conkey, a.attnum))
            from pg_constraint k join pg_attribute a on a.attrelid = c.oid and a.attnum = any (k.conkey)
           where k.conrelid = c.oid and k.contype = 'p'), '[]') as key,
         coalesce((select json_agg(i.relname) from pg_index x join pg_class i on i.oid = x.indexrelid
                    where x.indrelid = c.oid and x.indisvalid), '[]') as indexes,
         coalesce((select json_agg(n.command || ' for ' || n.role) from needed n
           where not exists (select from pg_policy p, unnest(p.polroles) o
                              where p.polrelid = c.oid and p.polpermissive and p.polcmd in ('*', n.polcmd)
                                and (o = 0 or pg_has_role(n.role, o, 'usage')))), '[]') as "withoutPolicy",
         coalesce((select json_agg(n.command || ' for ' || n.role) from needed n
           where n.polcmd <> '*' and not has_table_privilege(n.role, c.oid, n.command)), '[]') as "withoutRight",
         (select json_object_agg(d.name, format_type(to_regtype(d.type), null))
            from unnest($3::text[], $4::text[]) d (name, type)) as "declaredTypes"
    from pg_class c join pg_namespace s on s.oid = c.relnamespace
   where s.nspname = $1 and lower(c.relname) = lower($2) and c.relkind in ('r', 'p')
   order by c.relname = $2 desc limit 1`;
