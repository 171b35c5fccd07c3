// Compares every loop with the clock and with the log itself: a silent or stuck loop is an alarm.
import {
  pause,
  reachedPosition,
  refusalOf,
  type Clock,
  type CommandQueue,
  type Gauge,
  type HealthCheck,
  type Logger,
  type LogSignal,
  type Metrics,
  type ProjectionStore,
} from '@groundwork/application';
import type { WorkerLoop } from './worker-loop.ts';

export interface LogWatchPorts {
  readonly signal: LogSignal;
  readonly store: ProjectionStore;
  readonly queue: Pick<CommandQueue, 'backlog'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface LogWatchLimits {
  readonly stalledAfterMs: number;
  readonly pollIntervalMs: number;
}

interface Standstill {
  /** What does not change while nothing moves. */
  readonly at: bigint | number;
  readonly sinceMs: number;
}

/** The name of the loop that runs commands. */
export const COMMANDS = 'commands';

/**
 * Watches the loops it is given. One that has not beaten for `stalledAfterMs`, or a running projection whose position
 * stands still for as long while the log is ahead of it, is an alarm until it moves again, and one that is ahead of the
 * log at once; so is the same command that has been the oldest open one for as long, whatever it waits for. Measured
 * against the true head and the true queue, so that a reader that no longer reads cannot look level. An alarm turns
 * readiness red, unless it is that of a loop which is not vital.
 */
export class LogWatch implements HealthCheck, WorkerLoop {
  readonly name = 'worker-loops';
  /** As the check itself, for those that are not vital: another worker would pass no more to who is away. */
  readonly relays: HealthCheck = { name: 'relays', isVital: false, check: () => this.#refuse(this.#alarmsOf(false)) };
  readonly #loops: readonly WorkerLoop[];
  readonly #ports: LogWatchPorts;
  readonly #stalledAfterMs: number;
  readonly #pollIntervalMs: number;
  readonly #head: Gauge;
  readonly #standing = new Map<string, Standstill>();
  #alarms: ReadonlyMap<string, string> = new Map();
  #startedAtMs: number;
  #lastBeatAt: Date | undefined;

  constructor(loops: readonly WorkerLoop[], ports: LogWatchPorts, limits: LogWatchLimits) {
    this.#loops = loops;
    this.#ports = ports;
    this.#stalledAfterMs = limits.stalledAfterMs;
    this.#pollIntervalMs = limits.pollIntervalMs;
    this.#head = ports.metrics.gauge('groundwork_event_store_head_position', 'Highest position in the log.');
    this.#startedAtMs = ports.clock.now().getTime();
  }

  get lastBeatAt(): Date | undefined {
    return this.#lastBeatAt;
  }

  async run(stop: AbortSignal): Promise<void> {
    this.#startedAtMs = this.#nowMs();
    while (!stop.aborted) {
      await this.look();
      await pause(this.#pollIntervalMs, stop);
    }
  }

  /** One comparison. A database that cannot be asked is another check's alarm. */
  async look(): Promise<void> {
    this.#lastBeatAt = this.#ports.clock.now();
    const silent = this.#silentLoops();
    const stuck = await this.#stuck().catch((error: unknown) => {
      this.#ports.logger.warn('The log and the queue cannot be looked at for now.', { error });
      return new Map([...this.#alarms].filter(([name]) => this.#standing.has(name)));
    });
    this.#raise(new Map([...stuck, ...silent]));
  }

  /** Throws what is wrong; asks nothing but memory. */
  check(): Promise<void> {
    const alarms = this.#alarmsOf(true);
    if (this.#isSilent(this.#lastBeatAt)) alarms.set('log-watch', 'the watchdog itself is silent');
    return this.#refuse(alarms);
  }

  #alarmsOf(isVital: boolean): Map<string, string> {
    const others = new Set(this.#loops.filter((loop) => (loop.isVital ?? true) !== isVital).map(({ name }) => name));
    return new Map([...this.#alarms, ...this.#silentLoops()].filter(([name]) => !others.has(name)));
  }

  #refuse(alarms: ReadonlyMap<string, string>): Promise<void> {
    if (alarms.size === 0) return Promise.resolve();
    return Promise.reject(new Error([...alarms].map(([name, reason]) => `${name}: ${reason}`).join('; ')));
  }

  #silentLoops(): ReadonlyMap<string, string> {
    const silent = this.#loops.filter(({ lastBeatAt }) => this.#isSilent(lastBeatAt));
    return new Map(silent.map(({ name }) => [name, `no sign of life for ${this.#stalledAfterMs} ms`]));
  }

  async #stuck(): Promise<ReadonlyMap<string, string>> {
    // What other versions of this program have left in the database is not ours to move.
    const ours = new Set(this.#loops.map(({ name }) => name));
    const projections = await this.#stuckProjections(ours);
    return ours.has(COMMANDS) ? new Map([...projections, ...(await this.#stuckCommands())]) : projections;
  }

  async #stuckProjections(ours: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
    const { position: head } = await this.#ports.signal.head();
    this.#head.set(Number(head));
    const stuck = new Map<string, string>();
    for (const progress of (await this.#ports.store.progress()).filter(({ projection }) => ours.has(projection))) {
      const { projection, state } = progress;
      const [position, refusal] = [reachedPosition(progress), refusalOf(progress)];
      if (refusal !== undefined) {
        stuck.set(projection, refusal.message);
        this.#standing.set(projection, { at: position, sinceMs: this.#nowMs() });
      } else if (state !== 'running' || position >= head) this.#standing.delete(projection);
      else if (this.#hasStalled(projection, position)) {
        stuck.set(projection, `stands at ${position} while the log is at ${head}`);
      }
    }
    return stuck;
  }

  async #stuckCommands(): Promise<ReadonlyMap<string, string>> {
    const { open, oldestAcceptedAt } = await this.#ports.queue.backlog();
    if (oldestAcceptedAt === undefined) this.#standing.delete(COMMANDS);
    else if (this.#hasStalled(COMMANDS, oldestAcceptedAt.getTime())) {
      return new Map([[COMMANDS, `the oldest of ${open} open commands waits since ${oldestAcceptedAt.toISOString()}`]]);
    }
    return new Map();
  }

  /** Remembers where something stands; true when it was there at every look for too long. */
  #hasStalled(name: string, at: bigint | number): boolean {
    const standing = this.#standing.get(name);
    if (standing?.at !== at) this.#standing.set(name, { at, sinceMs: this.#nowMs() });
    return standing?.at === at && this.#nowMs() - standing.sinceMs >= this.#stalledAfterMs;
  }

  #raise(alarms: ReadonlyMap<string, string>): void {
    for (const [loop, reason] of alarms) {
      if (!this.#alarms.has(loop)) this.#ports.logger.error('A loop has stalled.', { loop, reason });
    }
    for (const loop of this.#alarms.keys()) {
      if (!alarms.has(loop)) this.#ports.logger.info('A stalled loop moves again.', { loop });
    }
    this.#alarms = alarms;
  }

  #isSilent(lastBeatAt: Date | undefined): boolean {
    const sinceMs = Math.max(lastBeatAt?.getTime() ?? 0, this.#startedAtMs);
    return this.#nowMs() - sinceMs >= this.#stalledAfterMs;
  }

  #nowMs(): number {
    return this.#ports.clock.now().getTime();
  }
}
