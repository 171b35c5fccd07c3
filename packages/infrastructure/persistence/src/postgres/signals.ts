// NOTIFY and LISTEN: they shorten waits and carry no facts.
import type { Logger } from '@groundwork/application';
import { randomInt } from 'node:crypto';
import pg from 'pg';
import { keepAlive, noticesLostPeers } from './connection-config.ts';
import type { Database } from './database.ts';

export type SignalTopic = 'log' | 'commands';

// A notification in the append's own transaction costs a quarter of the throughput (24,600 to 17,900 appends a second
// with 64 clients); announced after the commit, at most every 5 ms, it costs nothing and is hardly later.
const ANNOUNCE_INTERVAL_MS = 5;
const RECONNECT_MS_MAX = 5_000;
// A notification is a commit of its own. Nothing is lost with it, so it does not wait for the disk.
const ANNOUNCE = `select set_config('synchronous_commit', 'off', true), pg_notify($1, '')`;

// A pooler in between has process ids of its own, and its connections outlive the processes that borrow them.
const HOLD_LIFELINE = `
  select case when pg_backend_pid() = $1 then pg_try_advisory_lock(70917204, $2) else false end as is_held`;
const LIFELINE_MAX = 2 ** 31;

// @types/pg does not know what the server calls itself.
type Listener = pg.Client & { readonly processID: number };

export class Signals {
  readonly #database: Database;
  readonly #url: string;
  readonly #logger: Logger;
  readonly #waiters = new Map<SignalTopic, Set<() => void>>([
    ['log', new Set()],
    ['commands', new Set()],
  ]);
  readonly #announcedAt = new Map<SignalTopic, number>();
  readonly #scheduled = new Set<SignalTopic>();
  readonly #lifeline = randomInt(1, LIFELINE_MAX);
  #isLifelineHeld = false;
  #listener: pg.Client | undefined;
  #listening = false;
  #reconnect: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(database: Database, url: string, logger: Logger) {
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

  /** Tells all processes, this one included, that there is something new. May be lost; never throws. */
  announce(topic: SignalTopic): void {
    this.#wake(topic);
    if (this.#scheduled.has(topic) || this.#closed) return;
    const waitMs = (this.#announcedAt.get(topic) ?? 0) + ANNOUNCE_INTERVAL_MS - performance.now();
    if (waitMs <= 0) return this.#send(topic);
    this.#scheduled.add(topic);
    setTimeout(() => {
      this.#scheduled.delete(topic);
      this.#send(topic);
    }, waitMs).unref();
  }

  /** Resolves at the next announcement, after `timeoutMs`, or when `stop` fires. */
  wait(topic: SignalTopic, timeoutMs: number, stop?: AbortSignal): Promise<void> {
    this.#startListening();
    const waiters = this.#waiters.get(topic)!;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        waiters.delete(done);
        stop?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      waiters.add(done);
      stop?.addEventListener('abort', done);
      if (stop?.aborted === true) done();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#reconnect);
    for (const topic of this.#waiters.keys()) this.#wake(topic);
    await this.#listener?.end().catch(() => undefined);
  }

  #send(topic: SignalTopic): void {
    if (this.#closed) return;
    this.#announcedAt.set(topic, performance.now());
    this.#database
      .query({ name: 'announce', text: ANNOUNCE, values: [`groundwork_${topic}`] })
      .catch((error: unknown) =>
        this.#logger.debug('An announcement was lost; the poll will find it.', { error: String(error) }),
      );
  }

  #wake(topic: SignalTopic): void {
    for (const waiter of [...this.#waiters.get(topic)!]) waiter();
  }

  /** Only processes that wait need the connection; it is made anew, with growing pauses, for as long as they live. */
  #startListening(attempt = 0): void {
    if (this.#listening || this.#closed) return;
    this.#listening = true;
    const listener = new pg.Client({
      connectionString: this.#url,
      application_name: 'groundwork-listen',
      ...keepAlive,
      // It needs no rights at all; the connection that is always open has the fewest there are.
      options: `-c role=groundwork_app ${noticesLostPeers}`,
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
    listener.on('notification', ({ channel }) => this.#wake(channel === 'groundwork_log' ? 'log' : 'commands'));
    listener
      .connect()
      .then(() => this.#holdLifeline(listener as Listener))
      .then(() => listener.query('listen groundwork_log; listen groundwork_commands'))
      .then(() => {
        attempt = 0;
        // Whatever came while nobody listened.
        for (const topic of this.#waiters.keys()) this.#wake(topic);
      })
      .catch(lost);
  }

  async #holdLifeline(listener: Listener): Promise<void> {
    const { rows } = await listener.query<{ is_held: boolean }>(HOLD_LIFELINE, [listener.processID, this.#lifeline]);
    this.#isLifelineHeld = rows[0]!.is_held;
  }
}
