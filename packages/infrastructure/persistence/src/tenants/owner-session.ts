// What taking tenants in and out works on: a connection of the owner, and every table with a tenant.
import { Misconfigured } from '@groundwork/application';
import type pg from 'pg';
import { asOwner as connectAsOwner } from '../postgres/owner-connection.ts';

/** See `asOwner` of postgres/owner-connection.ts. */
export const asOwner = <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> =>
  connectAsOwner(url, { applicationName: 'groundwork-tenants' }, work);

/** All or nothing. */
export const inTransaction = <T>(
  url: string,
  mode: 'read write' | 'isolation level repeatable read, read only',
  work: (client: pg.Client) => Promise<T>,
): Promise<T> =>
  asOwner(url, async (client) => {
    await client.query(`begin transaction ${mode}`);
    // Whoever leaves without a commit leaves nothing behind: the connection ends here.
    const result = await work(client);
    await client.query('commit');
    return result;
  });

export interface TenantTable {
  /** With its schema, as SQL writes it. */
  readonly name: string;
  readonly columns: readonly Column[];
  readonly keyColumns: readonly string[];
  readonly isReadModel: boolean;
}

export interface Column {
  readonly name: string;
  readonly type: string;
  /** Numbered by the database itself. */
  readonly isIdentity: boolean;
}

/** Every table with a tenant. Throws Misconfigured `tenant.table-hidden` when the owner would not see all its rows. */
export async function tenantTables(client: pg.Client): Promise<readonly TenantTable[]> {
  const { rows } = await client.query<TenantTable & { isShown: boolean }>(TABLES);
  const hidden = rows.filter(({ isShown }) => !isShown).map(({ name }) => name);
  if (hidden.length === 0) return rows;
  throw new Misconfigured(
    'tenant.table-hidden',
    `${hidden.join(', ')}: row-level security hides rows from groundwork_owner, so that they would be left out.`,
    'Add in a migration: create policy owner_all on … to groundwork_owner using (true) with check (true).',
  );
}

const TABLES = `
  select t.name, t.is_shown_to_owner as "isShown",
         (select json_agg(json_build_object('name', quote_ident(a.attname), 'type', format_type(a.atttypid, null),
                                            'isIdentity', a.attidentity <> '') order by a.attnum)
            from pg_attribute a
           where a.attrelid = t.id and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns,
         coalesce((select json_agg(quote_ident(a.attname) order by array_position(k.conkey, a.attnum))
            from pg_constraint k join pg_attribute a on a.attrelid = t.id and a.attnum = any (k.conkey)
           where k.conrelid = t.id and k.contype = 'p'), '[]') as "keyColumns",
         exists (select from groundwork.projection p where to_regclass(p.read_model) = t.id) as "isReadModel"
    from groundwork.tenant_table t order by t.name`;
