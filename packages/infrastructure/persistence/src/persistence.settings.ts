// What can be set about the database.
import { setting, wholeNumberSetting } from '@groundwork/application';
import { z } from 'zod';

const fields = z.object({
  databaseUrl: setting(z.url({ protocol: /^postgres(ql)?$/ }).optional(), {
    variable: 'DATABASE_URL',
    description: 'The PostgreSQL database of the log and the read models. Without it, development starts an own one.',
    secret: true,
    allowed: 'postgres://user:password@host:port/database',
  }),
  migrationDatabaseUrl: setting(z.url({ protocol: /^postgres(ql)?$/ }).optional(), {
    variable: 'GW_MIGRATION_DATABASE_URL',
    description:
      'The same database with the login that owns the tables, for `gw start` and `gw db`; by default DATABASE_URL. ' +
      'Api and worker do not need it.',
    secret: true,
    allowed: 'postgres://user:password@host:port/database',
  }),
  pooler: setting(z.enum(['none', 'transaction']).default('none'), {
    variable: 'GW_DB_POOLER',
    description:
      'Whether DATABASE_URL leads to a pooler such as PgBouncer in transaction mode. Its logins then need what ' +
      '`gw db setup --sql --pooler` prints.',
    allowed: 'none, transaction',
  }),
  directDatabaseUrl: setting(z.url({ protocol: /^postgres(ql)?$/ }).optional(), {
    variable: 'GW_DATABASE_DIRECT_URL',
    description:
      'The same database past the pooler, with the same login: for the one connection that listens. ' +
      'Without it a process behind a pooler looks for news at its poll interval only.',
    secret: true,
    allowed: 'postgres://user:password@host:port/database',
  }),
  store: setting(z.enum(['postgres', 'memory']).default('postgres'), {
    variable: 'GW_STORE',
    description: 'Where events are kept. Memory forgets everything at the end and is refused in production.',
    allowed: 'postgres, memory',
  }),
  pumpNotifications: setting(z.enum(['listen', 'decoding', 'supabase']).default('listen'), {
    variable: 'GW_PUMP_NOTIFICATIONS',
    description:
      "How pumps hear at once that there is more: LISTEN and NOTIFY; PostgreSQL's logical decoding, which hears of " +
      'commits by any program and has to be set up (`gw db setup --sql --decoding`); or Supabase Realtime ' +
      '(`gw db setup --sql --supabase`), which is experimental.',
    allowed: 'listen, decoding, supabase',
  }),
  supabaseUrl: setting(z.url({ protocol: /^https?$/ }).optional(), {
    variable: 'GW_SUPABASE_URL',
    description: 'The Supabase project whose Realtime tells pumps that there is more.',
    allowed: 'https://project.supabase.co',
  }),
  supabaseKey: setting(z.string().min(1).optional(), {
    variable: 'GW_SUPABASE_KEY',
    description: 'A secret key of that project: Realtime tells its role of positions, and of nothing in the events.',
    secret: true,
  }),
  // One is for what is sent in order; the rebuild of a stream takes two of the others.
  poolSizeMax: wholeNumberSetting(3, 200, 10, {
    variable: 'GW_POOL_SIZE_MAX',
    description:
      'Database connections of one process; one more listens where something is waited for. ' +
      '8 to 16 is right for two cores; more makes every one slower.',
  }),
  connectTimeoutMs: wholeNumberSetting(100, 60_000, 2_000, {
    variable: 'GW_DB_CONNECT_TIMEOUT_MS',
    description: 'How long a request waits for a connection before it is answered that the database is unavailable.',
  }),
  statementTimeoutMs: wholeNumberSetting(100, 3_600_000, 30_000, {
    variable: 'GW_DB_STATEMENT_TIMEOUT_MS',
    description: 'The longest a single statement may run.',
  }),
  lockTimeoutMs: wholeNumberSetting(100, 600_000, 10_000, {
    variable: 'GW_DB_LOCK_TIMEOUT_MS',
    description: 'The longest a statement may wait for a lock.',
  }),
  idleTransactionTimeoutMs: wholeNumberSetting(1_000, 600_000, 10_000, {
    variable: 'GW_DB_IDLE_TRANSACTION_TIMEOUT_MS',
    description: 'After this long without a statement an open transaction is ended by the database.',
  }),
  archiveDir: setting(z.string().min(1).optional(), {
    variable: 'GW_ARCHIVE_DIR',
    description:
      'The folder of archived streams, the same for api, worker and `gw archive`. Back it up like the database: what is ' +
      'archived is nowhere else. Without it archived streams cannot be read.',
    allowed: 'a path',
  }),
  slowQueryMs: wholeNumberSetting(1, 600_000, 500, {
    variable: 'GW_DB_SLOW_QUERY_MS',
    description: 'Statements that take longer are logged, without their parameters.',
  }),
});

/** Whoever asks for Supabase says which. */
export const persistenceSettings = fields.superRefine(({ pumpNotifications, supabaseUrl, supabaseKey }, faults) => {
  if (pumpNotifications !== 'supabase') return;
  const missing = { supabaseUrl, supabaseKey };
  for (const [field, value] of Object.entries(missing)) {
    if (value !== undefined) continue;
    faults.addIssue({ code: 'custom', path: [field], message: 'GW_PUMP_NOTIFICATIONS=supabase needs it' });
  }
});

export type PersistenceSettings = z.infer<typeof persistenceSettings>;
