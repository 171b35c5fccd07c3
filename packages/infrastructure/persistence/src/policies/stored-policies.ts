// What the catalogue says of row-level security: tables, their policies, and what programs may do without one.
import type pg from 'pg';

export interface PolicyTable {
  /** With its schema, as SQL writes it. */
  readonly table: string;
  readonly hasTenant: boolean;
  readonly isRowSecurityForced: boolean;
  /** What a role may do by its rights and by no policy. */
  readonly uncovered: readonly { readonly role: string; readonly command: string }[];
  readonly policies: readonly StoredPolicy[];
}

export interface StoredPolicy {
  readonly name: string;
  readonly command: 'all' | 'select' | 'insert' | 'update' | 'delete';
  readonly isPermissive: boolean;
  readonly roles: readonly string[];
  /** As PostgreSQL prints the expressions. */
  readonly using: string | null;
  readonly check: string | null;
  /** Tables that its conditions read. */
  readonly reads: readonly string[];
  /** Whether one of its roles may do what it is for. */
  readonly isOfUse: boolean;
}

/** Every table with a tenant, and every other one that has a policy; what a rebuild keeps beside them is a copy. */
export const policyTables = async (client: pg.Client): Promise<readonly PolicyTable[]> =>
  (await client.query<PolicyTable>(TABLES)).rows;

// Rights may be given for single columns. The owner needs one policy for everything: exports and drops are its work.
const TABLES = `
  with command (name, kind) as (values ('select', 'r'), ('insert', 'a'), ('update', 'w'), ('delete', 'd')),
  relation as (
    select c.oid, c.relrowsecurity and c.relforcerowsecurity as is_forced,
           exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped) as has_tenant
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and not c.relispartition
       and n.nspname !~ '^(pg_|groundwork_rebuild_[0-9]+$)' and n.nspname <> 'information_schema'
  ), needed as (
    select r.oid, role.name as role, command.name as command, command.kind
      from relation r, command, (values ('groundwork_app'), ('groundwork_worker')) role (name)
     where case when command.name = 'delete' then has_table_privilege(role.name, r.oid, 'delete')
                else has_any_column_privilege(role.name, r.oid, command.name) end
    union all
    select oid, 'groundwork_owner', 'all', '*' from relation
  )
  select r.oid::regclass::text as "table", r.has_tenant as "hasTenant", r.is_forced as "isRowSecurityForced",
         coalesce((select json_agg(json_build_object('role', n.role, 'command', n.command) order by n.role, n.command)
            from needed n
           where n.oid = r.oid
             and not exists (select from pg_policy p, unnest(p.polroles) o
                              where p.polrelid = r.oid and p.polpermissive and p.polcmd in ('*', n.kind)
                                and (o = 0 or pg_has_role(n.role, o, 'usage')))), '[]') as uncovered,
         coalesce((select json_agg(json_build_object(
                     'name', p.polname, 'isPermissive', p.polpermissive,
                     'command', coalesce((select name from command where kind = p.polcmd), 'all'),
                     'roles', (select json_agg(case o when 0 then 'public' else o::regrole::text end) from unnest(p.polroles) o),
                     'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid),
                     'reads', (select coalesce(json_agg(distinct d.refobjid::regclass::text), '[]') from pg_depend d
                                where d.classid = 'pg_policy'::regclass and d.objid = p.oid and d.refclassid = 'pg_class'::regclass
                                  and d.refobjid <> p.polrelid),
                     'isOfUse', exists (
                       select from unnest(p.polroles) o, command c
                        where p.polcmd in ('*', c.kind)
                          and case when o = 0 then true
                                   when c.name = 'delete' then has_table_privilege(o, p.polrelid, 'delete')
                                   else has_any_column_privilege(o, p.polrelid, c.name) end)
                   ) order by p.polname) from pg_policy p where p.polrelid = r.oid), '[]') as policies
    from relation r
   where r.has_tenant or exists (select from pg_policy p where p.polrelid = r.oid)
   order by 1`;
