// Change notifications from Supabase Realtime, for a database that is hosted there.
import { Misconfigured, type ChangeChannel, type ChangeNotifications, type Logger } from '@groundwork/application';
import type { RealtimeChannel, RealtimeClient } from '@supabase/realtime-js';
import { Waits } from './waits.ts';

const PACKAGE = '@supabase/realtime-js';
const RECONNECT_MS_MAX = 5_000;
/** What Realtime is asked for: that a row came, and its position alone. */
const TABLES: readonly {
  readonly table: string;
  readonly column: string;
  readonly channel: ChangeChannel;
  /** What is published: the key is among it, or PostgreSQL would refuse to change the rows. */
  readonly columns: string;
}[] = [
  { table: 'event', column: 'position', channel: 'log', columns: 'position' },
  { table: 'command', column: 'acceptance', channel: 'commands', columns: 'tenant, command_id, acceptance' },
];

export interface SupabaseSettings {
  /** The address of the project, such as `https://abcdefgh.supabase.co`. */
  readonly url: string;
  /** Its role must be allowed to see the rows: a secret key, never a publishable one. */
  readonly key: string;
}

/** What is run once in a Supabase project, so that Realtime tells of new rows and of nothing in them. */
export const supabaseSql = `-- In the SQL editor of the project, behind gw db migrate.
alter publication supabase_realtime
  add table ${TABLES.map(({ table, columns }) => `groundwork.${table} (${columns})`).join(', ')};
grant usage on schema groundwork to service_role;
grant ${TABLES.map(({ table, columns }) => `select (${columns}) on groundwork.${table}`).join(' to service_role;\ngrant ')} to service_role;`;

/** Experimental, as Realtime promises no delivery: a notification only shortens the wait until the next look. */
export class SupabaseRealtime implements ChangeNotifications {
  readonly #settings: SupabaseSettings;
  readonly #logger: Logger;
  readonly #waits = new Waits();
  #client: Promise<RealtimeClient | undefined> | undefined;
  #isClosed = false;

  constructor(settings: SupabaseSettings, logger: Logger) {
    this.#settings = settings;
    this.#logger = logger;
  }

  wait(channel: ChangeChannel, timeoutMs: number, stop?: AbortSignal): Promise<void> {
    if (!this.#isClosed) this.#client ??= this.#listen();
    return this.#waits.wait(channel, timeoutMs, stop);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#waits.ringAll();
    // Leaving the channel first would leave a timer of ten seconds behind.
    await (await this.#client)?.disconnect();
  }

  /** The client connects again by itself; whoever waits looks by itself meanwhile. */
  async #listen(): Promise<RealtimeClient | undefined> {
    try {
      const { RealtimeClient: Client } = await loaded();
      const client = new Client(`${this.#settings.url.replace(/\/$/, '')}/realtime/v1`, {
        params: { apikey: this.#settings.key },
        reconnectAfterMs: (tries) => Math.min(100 * 2 ** tries, RECONNECT_MS_MAX),
      });
      this.#follow(client.channel('groundwork')).subscribe((status, error) => this.#heard(status, error));
      return client;
    } catch (error) {
      this.#logger.error('Supabase Realtime cannot be followed; the poll goes on.', { error });
      return undefined;
    }
  }

  #follow(channel: RealtimeChannel): RealtimeChannel {
    for (const { table, column, channel: about } of TABLES) {
      const inserts = { event: 'INSERT' as const, schema: 'groundwork', table, select: [column] };
      channel.on('postgres_changes', inserts, () => this.#waits.ring(about));
    }
    return channel;
  }

  #heard(status: string, error: Error | undefined): void {
    // Whatever came while nobody listened.
    if (status === 'SUBSCRIBED') this.#waits.ringAll();
    else if (!this.#isClosed) this.#logger.warn('Supabase Realtime is away; the poll goes on.', { status, error });
  }
}

async function loaded(): Promise<{ readonly RealtimeClient: typeof RealtimeClient }> {
  try {
    return await import('@supabase/realtime-js');
  } catch (cause) {
    throw new Misconfigured(
      'database.driver-missing',
      `GW_PUMP_NOTIFICATIONS is supabase, and ${PACKAGE} is not installed.`,
      `Run npm install ${PACKAGE}, or set GW_PUMP_NOTIFICATIONS=listen.`,
      { packageName: PACKAGE },
      { cause },
    );
  }
}
