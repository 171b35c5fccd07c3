// Whether a connection leads to PostgreSQL itself. A pooler lends its sessions: who listens on one, hears nothing.
import { Misconfigured } from '@groundwork/application';
import type pg from 'pg';

/** Given at the start of a session. Poolers refuse such options or drop them. */
export const DIRECT_OPTION = '-c groundwork.direct=yes';

/** Throws Misconfigured `database.direct-url-pooled` unless the option has arrived. */
export async function refusePooler(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ direct: string | null }>(
    `select current_setting('groundwork.direct', true) as direct`,
  );
  if (rows[0]!.direct !== 'yes') throw pooled();
}

/** How poolers refuse a connection with options: 08P01, a protocol violation. */
export const isOptionRefused = (error: unknown): boolean => (error as { code?: unknown } | undefined)?.code === '08P01';

export const pooled = (): Misconfigured =>
  new Misconfigured(
    'database.direct-url-pooled',
    'A pooler answers where PostgreSQL itself has to: notifications would never arrive.',
    'Name PostgreSQL itself in GW_DATABASE_DIRECT_URL, or leave it out: the log is then polled only.',
  );
