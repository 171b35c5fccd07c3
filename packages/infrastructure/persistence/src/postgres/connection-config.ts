// How the connections of a process are made: whose they are, what they may, and how long anything may take.
import { Misconfigured } from '@groundwork/application';
import type pg from 'pg';
import type { DatabaseOptions, RunStatement } from './database.ts';

// After 3 s of silence either side asks every second whether the other is still there: a peer that a cut network has
// taken away is noticed in some 6 s instead of two hours, and with it go its locks.
export const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: 3_000 } as const;
export const noticesLostPeers = [
  'tcp_keepalives_idle=3',
  'tcp_keepalives_interval=1',
  'tcp_keepalives_count=3',
  'tcp_user_timeout=6000',
]
  .map((option) => `-c ${option}`)
  .join(' ');

type Session = Pick<DatabaseOptions, 'role' | 'statementTimeoutMs' | 'lockTimeoutMs' | 'idleTransactionTimeoutMs'>;

/** Behind a pooler sessions are shared: what they have from the start is set for the login (`pooledLoginSql`). */
export const connectionConfig = (options: DatabaseOptions): pg.ClientConfig => ({
  connectionString: options.url,
  connectionTimeoutMillis: options.connectTimeoutMs,
  // A server that vanished without a word never ends a statement by itself.
  query_timeout: options.statementTimeoutMs + 5_000,
  ...keepAlive,
  application_name: options.applicationName,
  ...(options.pooler === 'transaction' ? {} : { options: startupOptions(options) }),
});

/** Everything a session must have from its first statement on: rights and limits, by PostgreSQL's names. */
export const sessionSettings = (session: Session): Readonly<Record<string, string>> => ({
  role: session.role,
  statement_timeout: String(session.statementTimeoutMs),
  lock_timeout: String(session.lockTimeoutMs),
  idle_in_transaction_session_timeout: String(session.idleTransactionTimeoutMs),
  // Whatever the server's or the login's defaults are: what is acknowledged survives, and each statement sees what
  // was committed before it.
  synchronous_commit: 'on',
  default_transaction_isolation: 'read committed',
  // Of many cheap looks into a large table the planner makes a dear statement, and compiles it for 12 ms each time: two
  // processes that began on a log of a million events appended 3,000 a second together, where one gave 31,000.
  jit: 'off',
  TimeZone: 'UTC',
  search_path: 'pg_catalog',
});

const startupOptions = (session: Session): string =>
  Object.entries(sessionSettings(session))
    .map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`)
    .concat(noticesLostPeers)
    .join(' ');

/**
 * Throws Misconfigured `database.session-settings` when sessions lack what they must have: a pooler has dropped what
 * was asked for at the start, or the login does not bring it.
 */
export async function refuseWrongSession(query: RunStatement, session: Session): Promise<void> {
  const wanted = sessionSettings(session);
  const rows = await query<{ name: string; setting: string }>({
    name: 'session_settings',
    text: `select name, setting from pg_settings where name = any ($1) union all select 'role', current_user`,
    values: [Object.keys(wanted)],
  });
  const wrong = Object.entries(wanted).filter(
    ([name, value]) => rows.find((row) => row.name === name)?.setting !== value,
  );
  if (wrong.length === 0) return;
  throw new Misconfigured(
    'database.session-settings',
    `Sessions of this login come without ${wrong.map(([name, value]) => `${name}=${value}`).join(', ')}.`,
    'Behind a pooler set GW_DB_POOLER=transaction, and run what `gw db setup --sql --pooler` prints.',
  );
}
