// NOTIFY and LISTEN: they shorten waits and carry no facts.
import { Misconfigured, type ChangeChannel, type ChangeNotifications, type Logger } from '@groundwork/application';
import { randomInt } from 'node:crypto';
import pg from 'pg';
import { keepAlive, noticesLostPeers } from './connection-config.ts';
import type { Database } from './database.ts';
import { DIRECT_OPTION, isOptionRefused, pooled, refusePooler } from './direct-connection.ts';
import { Waits } from './waits.ts';

// A notification in the append's own transaction costs a quarter of the throughput (24,600 to 17,900 appends a second
// with 64 clients); announced after the commit, at most every 3 ms, it costs nothing and is hardly later.
const ANNOUNCE_INTERVAL_MS = 3;
const RECONNECT_MS_MAX = 5_000;
// A notification is a commit of its own. Nothing is lost with it, so it does not wait for the disk.
const ANNOUNCE = `select set_config('synchronous_commit', 'off', true), pg_notify($1, $2)`;

// A pooler in between has process ids of its own, and its connections outlive the processes that borrow them.
const HOLD_LIFELINE = `
  select case when pg_backend_pid() = $1 then pg_try_advisory_lock(70917204, $2) else false end as is_held`;
const LIFELINE_MAX = 2 ** 31;

// @types/pg does not know what the server calls itself.
type Listener = pg.Client & { readonly processID: number };

export class Signals implements ChangeNotifications {
  /** Why nobody listens although they should. */
  fault: Misconfigured | undefined;
  readonly #database: Database;
  readonly #url: string | undefined;
  readonly #logger: Logger;
  readonly #waits = new Waits();
  readonly #announcedAt = new Map<ChangeChannel, number>();
  /** What is to be sent soon, with the highest position that was announced meanwhile. */
  readonly #scheduled = new Map<ChangeChannel, bigint | undefined>();
  readonly #lifeline = randomInt(1, LIFELINE_MAX);
  #isLifelineHeld = false;
  #listener: pg.Client | undefined;
  #listening = false;
  #reconnect: NodeJS.Timeout | undefined;
  #closed = false;

  /** `url` leads to PostgreSQL itself; without it nobody listens, and every wait lasts to its end. */
  constructor(database: Database, url: string | undefined, logger: Logger) {
    this.#database = database;
    this.#url = url;
    this.#logger = logger;
  }

  /**
   * The number of an advisory lock that ends with this process, however it ends: PostgreSQL itself tells others of a
   * death. It is held by the connection that listens; undefined while that is away or leads to a pooler.
   */
  get lifeline(): number | undefined {
    return this.#isLifelineHeld ? this.#lifeline : undefined;
  }

  /**
   * Tells all processes, this one included, that there is something new, in the log up to `position`. May be lost;
   * never throws. The position is all that is sent: a notification ends at 8,000 bytes, and an event does not.
   */
  announce(channel: ChangeChannel, position?: bigint): void {
    this.#waits.ring(channel);
    if (this.#closed) return;
    const waitMs = (this.#announcedAt.get(channel) ?? 0) + ANNOUNCE_INTERVAL_MS - performance.now();
    if (this.#scheduled.has(channel)) {
      this.#scheduled.set(channel, highest(this.#scheduled.get(channel), position));
    } else if (waitMs <= 0) {
      this.#send(channel, position);
    } else {
      this.#scheduled.set(channel, position);
      setTimeout(() => {
        const last = this.#scheduled.get(channel);
        this.#scheduled.delete(channel);
        this.#send(channel, last);
      }, waitMs).unref();
    }
  }

  wait(channel: ChangeChannel, timeoutMs: number, stop?: AbortSignal): Promise<void> {
    this.#startListening();
    return this.#waits.wait(channel, timeoutMs, stop);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#reconnect);
    this.#waits.ringAll();
    await this.#listener?.end().catch(() => undefined);
  }

  #send(channel: ChangeChannel, position: bigint | undefined): void {
    if (this.#closed) return;
    this.#announcedAt.set(channel, performance.now());
    this.#database
      .query({ name: 'announce', text: ANNOUNCE, values: [`groundwork_${channel}`, String(position ?? '')] })
      .catch((error: unknown) =>
        this.#logger.debug('An announcement was lost; the poll will find it.', { error: String(error) }),
      );
  }

  /** Only processes that wait need the connection; it is made anew, with growing pauses, for as long as they live. */
  #startListening(attempt = 0): void {
    if (this.#listening || this.#closed || this.#url === undefined) return;
    this.#listening = true;
    const listener = new pg.Client({
      connectionString: this.#url,
      application_name: 'groundwork-listen',
      ...keepAlive,
      // It needs no rights at all; the connection that is always open has the fewest there are.
      options: `-c role=groundwork_app ${noticesLostPeers} ${DIRECT_OPTION}`,
    });
    this.#listener = listener;
    const lost = (): void => {
      if (!this.#listening || this.#listener !== listener || this.#closed) return;
      this.#listening = this.#isLifelineHeld = false;
      void listener.end().catch(() => undefined);
      const waitMs = Math.min(100 * 2 ** attempt, RECONNECT_MS_MAX);
      this.#reconnect = setTimeout(() => this.#startListening(attempt + 1), waitMs).unref();
    };
    listener.on('error', lost);
    listener.on('end', lost);
    listener.on('notification', ({ channel }) => this.#waits.ring(channel === 'groundwork_log' ? 'log' : 'commands'));
    listener
      .connect()
      .then(() => refusePooler(listener))
      .then(() => this.#holdLifeline(listener as Listener))
      .then(() => listener.query('listen groundwork_log; listen groundwork_commands'))
      .then(() => {
        attempt = 0;
        // Whatever came while nobody listened.
        this.#waits.ringAll();
      })
      .catch((error: unknown) => {
        if (error instanceof Misconfigured || isOptionRefused(error)) this.#refuse(listener);
        else lost();
      });
  }

  /** Trying again would not help: somebody has to name the right place. */
  #refuse(listener: pg.Client): void {
    this.fault = pooled();
    this.#logger.error(this.fault.message, { code: this.fault.code, next: this.fault.next });
    this.#listener = undefined;
    void listener.end().catch(() => undefined);
  }

  async #holdLifeline(listener: Listener): Promise<void> {
    const { rows } = await listener.query<{ is_held: boolean }>(HOLD_LIFELINE, [listener.processID, this.#lifeline]);
    this.#isLifelineHeld = rows[0]!.is_held;
  }
}

const highest = (one: bigint | undefined, other: bigint | undefined): bigint | undefined =>
  one === undefined || (other !== undefined && other > one) ? other : one;
