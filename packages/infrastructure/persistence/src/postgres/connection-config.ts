// How the connections of a process are made: whose they are, what they may, and how long anything may take.
import type pg from 'pg';
import type { DatabaseOptions } from './database.ts';

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

export const connectionConfig = (options: DatabaseOptions): pg.ClientConfig => ({
  connectionString: options.url,
  connectionTimeoutMillis: options.connectTimeoutMs,
  // A server that vanished without a word never ends a statement by itself.
  query_timeout: options.statementTimeoutMs + 5_000,
  ...keepAlive,
  application_name: options.applicationName,
  options: sessionOptions(options),
});

/** Everything a session must have from its first statement on: rights and limits. */
function sessionOptions(options: DatabaseOptions): string {
  return [
    `role=${options.role}`,
    `statement_timeout=${options.statementTimeoutMs}`,
    `lock_timeout=${options.lockTimeoutMs}`,
    `idle_in_transaction_session_timeout=${options.idleTransactionTimeoutMs}`,
    // Whatever the server's or the login's defaults are: what is acknowledged survives, and each statement sees what
    // was committed before it.
    'synchronous_commit=on',
    'default_transaction_isolation=read\\ committed',
    'timezone=UTC',
    'search_path=pg_catalog',
  ]
    .map((option) => `-c ${option}`)
    .concat(noticesLostPeers)
    .join(' ');
}
