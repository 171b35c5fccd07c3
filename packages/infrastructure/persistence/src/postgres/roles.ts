// The roles of a Groundwork database and the logins that may take them, as SQL that may be run again at any time.
import { sessionSettings } from './connection-config.ts';

const ROLES = `
do $$ begin
  if not exists (select from pg_roles where rolname = 'groundwork_owner') then
    create role groundwork_owner nologin noinherit;
  end if;
  if not exists (select from pg_roles where rolname = 'groundwork_app') then
    create role groundwork_app nologin nobypassrls;
  end if;
  if not exists (select from pg_roles where rolname = 'groundwork_worker') then
    create role groundwork_worker nologin nobypassrls in role groundwork_app;
  end if;
  if not exists (select from pg_roles where rolname = 'groundwork_reader') then
    create role groundwork_reader nologin nobypassrls;
  end if;
exception when duplicate_object or unique_violation then
  null; -- another process of the same cluster was faster
end $$;
`;

// Who is no superuser can make the owner's schema only once the login has become a member of the owner.
const schema = (database: string): string => `
grant create on database ${quoted(database)} to groundwork_owner;
create schema if not exists groundwork authorization groundwork_owner;
grant usage on schema groundwork to groundwork_app, groundwork_worker;
`;

/** The names that processes log in with. One may serve api and worker; it then may what the worker may. */
export interface Logins {
  /** Owns all tables, through its role: it may everything, and only migrations need it. */
  readonly migration: string;
  /** Sees the rows of the tenant that its transaction names, and no others. */
  readonly api: string;
  /** Reads the log of all tenants, and changes none of it. */
  readonly worker: string;
}

export const DEFAULT_LOGINS: Logins = { migration: 'gw_migration', api: 'gw_api', worker: 'gw_worker' };

/**
 * What an administrator runs once in a database, and the embedded one at each start: makes what is missing and gives
 * each login its one role. Logins that it makes have no password yet.
 */
export const setupSql = (database: string, { migration, api, worker }: Logins): string => `${ROLES}
${[...new Set([migration, api, worker])].map(login).join('\n')}

-- Earlier versions let api and worker own the tables. PostgreSQL would warn where there is nothing to take back.
set client_min_messages = error;
revoke groundwork_owner, groundwork_app, groundwork_worker from ${quoted(api)}, ${quoted(worker)};
reset client_min_messages;
grant groundwork_app to ${quoted(api)};
grant groundwork_worker to ${quoted(worker)};
grant groundwork_owner to ${quoted(migration)};
${schema(database)}`;

/**
 * What an administrator runs when api and worker reach the database through a pooler: their sessions have from their
 * login what they otherwise ask for at the start. To be run again when the time limits of the settings change.
 */
export const pooledLoginSql = (database: string, { api, worker }: Logins, limits: SessionLimits): string =>
  (
    [
      [api, 'groundwork_app'],
      [worker, 'groundwork_worker'],
    ] as const
  )
    .flatMap(([login, role]) =>
      Object.entries(sessionSettings({ ...limits, role })).map(
        ([name, value]) =>
          `alter role ${quoted(login)} in database ${quoted(database)} set ${name} = '${value.replaceAll("'", "''")}';`,
      ),
    )
    .join('\n');

export type SessionLimits = Omit<Parameters<typeof sessionSettings>[0], 'role'>;

/**
 * What `migrate` runs by itself where its login may: that login takes all three roles, so that one that was given for
 * everything is enough to begin with.
 */
export const singleLoginSql = (database: string, login: string): string => `${ROLES}
grant groundwork_owner, groundwork_app, groundwork_worker to ${quoted(login)};
${schema(database)}`;

const login = (name: string): string => `do $$ begin
  if not exists (select from pg_roles where rolname = '${name.replaceAll("'", "''")}') then
    create role ${quoted(name)} login;
  end if;
end $$;`;

const quoted = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;
