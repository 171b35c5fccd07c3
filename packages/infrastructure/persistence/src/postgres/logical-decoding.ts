// Change notifications out of PostgreSQL's write-ahead log: whoever commits, by whatever program, is heard.
import {
  Misconfigured,
  pause,
  type ChangeChannel,
  type ChangeNotifications,
  type Logger,
} from '@groundwork/application';
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { decodedMessage, standbyStatus, type Inserts } from './replication-messages.ts';
import { Waits } from './waits.ts';

const PUBLICATION = 'groundwork_changes';
const CHANNELS: Readonly<Record<string, ChangeChannel>> = {
  'groundwork.event': 'log',
  'groundwork.command': 'commands',
};
const RECONNECT_MS_MAX = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
const GOODBYE_MS_MAX = 1_000;
const STATUS_INTERVAL_MS = 1_000;

/**
 * What an administrator runs once so that the login may decode. The attribute REPLICATION opens the write-ahead log of
 * the whole cluster: give it to a login of its own, or to none. Of the tables only the positions are published.
 */
export const decodingSql = (login: string): string => `-- Needs wal_level = logical and the tables of gw db migrate.
alter role "${login.replaceAll('"', '""')}" replication;
drop publication if exists ${PUBLICATION};
create publication ${PUBLICATION} for table groundwork.event (position), groundwork.command (acceptance)
  with (publish = 'insert');`;

// pg's typings know nothing of the replication protocol that the driver speaks.
type ReplicationConnection = pg.Connection & {
  on(event: 'copyData', listener: (message: { readonly chunk: Buffer }) => void): void;
  sendCopyFromChunk(chunk: Buffer): void;
};

export class LogicalDecoding implements ChangeNotifications {
  readonly #url: string;
  readonly #logger: Logger;
  readonly #waits = new Waits();
  readonly #closing = new AbortController();
  #client: pg.Client | undefined;
  #following: Promise<void> | undefined;

  constructor(url: string, logger: Logger) {
    this.#url = url;
    this.#logger = logger;
  }

  wait(channel: ChangeChannel, timeoutMs: number, stop?: AbortSignal): Promise<void> {
    if (!this.#closing.signal.aborted) this.#following ??= this.#follow();
    return this.#waits.wait(channel, timeoutMs, stop);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#waits.ringAll();
    if (this.#client !== undefined) await goodbye(this.#client);
    await this.#following;
  }

  /** Only processes that wait need the connection; it is made anew, with growing pauses, for as long as they live. */
  async #follow(): Promise<void> {
    const { signal } = this.#closing;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await this.#decode(() => (attempt = 0));
      } catch (error) {
        if (!signal.aborted) this.#logger.warn('The write-ahead log cannot be followed; the poll goes on.', { error });
      }
      await pause(Math.min(100 * 2 ** attempt, RECONNECT_MS_MAX), signal);
    }
  }

  /** Follows the write-ahead log from now on, until the connection ends. */
  async #decode(onBegun: () => void): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'groundwork-decode',
      keepAlive: true,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      replication: 'database',
    } as pg.ClientConfig);
    this.#client = client;
    // The query that is under way tells of the error, or the end does.
    client.on('error', () => undefined);
    // A connection that is ended while it is being made tells it in no other way.
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    try {
      await Promise.race([this.#stream(client, onBegun), ended]);
    } finally {
      await goodbye(client);
    }
  }

  async #stream(client: pg.Client, onBegun: () => void): Promise<void> {
    await client.connect();
    await refuseUnprepared(client);
    // Temporary: it ends with the connection, so that no log is kept for a reader who is gone; what was missed
    // meanwhile is found by position. Replication commands are written in capitals or not understood.
    const slot = `groundwork_${randomUUID().replaceAll('-', '')}`;
    await client.query(`CREATE_REPLICATION_SLOT ${slot} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT`);
    this.#listen(client.connection as ReplicationConnection);
    const following = client.query(
      `START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', publication_names '${PUBLICATION}')`,
    );
    onBegun();
    this.#waits.ringAll();
    await following;
  }

  #listen(connection: ReplicationConnection): void {
    const inserts: Inserts = new Map();
    let toldAtMs = 0;
    connection.on('copyData', ({ chunk }) => {
      const { position, wantsStatus, table } = decodedMessage(chunk, inserts);
      const channel = table === undefined ? undefined : CHANNELS[table];
      if (channel !== undefined) this.#waits.ring(channel);
      const nowMs = performance.now();
      if (!wantsStatus && nowMs - toldAtMs < STATUS_INTERVAL_MS) return;
      toldAtMs = nowMs;
      connection.sendCopyFromChunk(standbyStatus(position));
    });
  }
}

/** A server that is gone answers no goodbye. */
const goodbye = (client: pg.Client): Promise<void> =>
  Promise.race([client.end().catch(() => undefined), pause(GOODBYE_MS_MAX)]);

async function refuseUnprepared(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ is_published: boolean; wal_level: string }>(
    `select exists (select from pg_publication where pubname = '${PUBLICATION}') as is_published,
            current_setting('wal_level') as wal_level`,
  );
  const { is_published: isPublished, wal_level: walLevel } = rows[0]!;
  if (isPublished && walLevel === 'logical') return;
  throw new Misconfigured(
    'database.decoding-not-set-up',
    `wal_level is ${walLevel}, and the publication ${PUBLICATION} ${isPublished ? 'exists' : 'is missing'}.`,
    'Set wal_level to logical and run what `gw db setup --sql --decoding` prints, or set GW_PUMP_NOTIFICATIONS=listen.',
  );
}
