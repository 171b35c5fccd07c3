// The database `groundwork` of an embedded server, and a login each for migrations, api and worker.
import { createHmac } from 'node:crypto';
import pg from 'pg';
import { decodingSql } from '../postgres/logical-decoding.ts';
import { DEFAULT_LOGINS, setupSql, type Logins } from '../postgres/roles.ts';

/** With what each process connects. */
export type DatabaseUrls = Readonly<Record<keyof Logins, string>>;

const NAME = 'groundwork';
const SETUP_LOCK = 7091720343;

// Data directories made before each process had its own login have one for all of them, which could become the owner.
const RETIRE_SHARED_LOGIN = `
do $$ begin
  if exists (select from pg_roles where rolname = '${NAME}') then
    revoke groundwork_owner, groundwork_app, groundwork_worker from ${NAME};
  end if;
end $$;
`;

/** Makes database, roles and logins where they are missing; gives the logins' connection strings. */
export async function prepareEmbeddedDatabase(serverUrl: string): Promise<DatabaseUrls> {
  const server = new URL(serverUrl);
  const database = new URL(serverUrl);
  database.pathname = `/${NAME}`;
  const passwords = Object.values(DEFAULT_LOGINS).map(
    (login) => `alter role ${login} password ${pg.escapeLiteral(passwordOf(login, server))};`,
  );
  await onDatabase(server, async (client) => {
    // Two that change the same role at the same moment would trip over each other.
    await client.query('select pg_advisory_lock($1)', [SETUP_LOCK]);
    const { rowCount } = await client.query('select from pg_database where datname = $1', [NAME]);
    if (rowCount === 0) await client.query(`create database ${NAME}`);
    const setup = [setupSql(NAME, DEFAULT_LOGINS), ...passwords, RETIRE_SHARED_LOGIN].join('\n');
    await onDatabase(database, (owner) => owner.query(setup));
  });
  const urlOf = (login: string): string => {
    const url = new URL(database);
    url.username = login;
    url.password = passwordOf(login, server);
    return url.href;
  };
  const { migration, api, worker } = DEFAULT_LOGINS;
  return { migration: urlOf(migration), api: urlOf(api), worker: urlOf(worker) };
}

/** Lets the worker decode the write-ahead log of the embedded database, once its tables are there. */
export const allowDecoding = (serverUrl: string): Promise<void> => {
  const database = new URL(serverUrl);
  database.pathname = `/${NAME}`;
  return onDatabase(database, (owner) => owner.query(decodingSql(DEFAULT_LOGINS.worker)));
};

/** Derived, so that it need not be kept: the superuser's password leads to it, and it leads nowhere. */
const passwordOf = (login: string, server: URL): string =>
  createHmac('sha256', decodeURIComponent(server.password)).update(login).digest('base64url');

async function onDatabase(url: URL, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
