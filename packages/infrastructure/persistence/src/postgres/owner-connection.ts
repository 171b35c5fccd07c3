// One connection with the rights of the owner of all tables, for what no program may do while it serves.
import pg from 'pg';
import { codeOf } from './database-errors.ts';
import { setupNeeded } from './migrate.ts';

export interface OwnerConnection {
  /** As PostgreSQL shows it: `groundwork-verify`. */
  readonly applicationName: string;
  readonly isReadOnly?: boolean;
}

/**
 * `url` needs a login that may become groundwork_owner, as that of the migrations: throws Misconfigured
 * `database.setup-needed` for another. Times are in UTC, and only pg_catalog is found without its schema.
 */
export async function asOwner<T>(
  url: string,
  { applicationName, isReadOnly = false }: OwnerConnection,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: applicationName,
    options: [
      '-c role=groundwork_owner -c timezone=UTC -c search_path=pg_catalog',
      ...(isReadOnly ? ['-c default_transaction_read_only=on'] : []),
    ].join(' '),
  });
  // One that dies between two statements would end the program; whoever uses it hears of it from the next statement.
  client.on('error', () => undefined);
  await client.connect().catch((error: unknown) => {
    throw NO_OWNER_STATES.has(codeOf(error)) ? setupNeeded(decodeURIComponent(new URL(url).username), error) : error;
  });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

// The login may not become the owner, or there is no owner in this cluster.
const NO_OWNER_STATES = new Set(['42501', '22023']);
