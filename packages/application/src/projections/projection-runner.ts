// Keeps the read model of one projection level with the log: exactly once, in stream order, on any number of workers.
import { CodedError } from '@groundwork/domain';
import { Conflict } from '../errors.ts';
import type { LoggedEvent } from '../events/event.ts';
import { pause } from '../pause.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventLog, LogPage, LogSignal } from '../ports/event-log.ts';
import type { Ids } from '../ports/ids.ts';
import type { Logger } from '../ports/logger.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { ParkedStream, ProjectionProgress, ProjectionStore, Slice } from '../ports/projection-store.ts';
import type { TimeLimit } from '../ports/time-limit.ts';
import type { Tracer } from '../ports/tracer.ts';
import { batchSpan } from './batch-span.ts';
import { HandlerCalls } from './handler-calls.ts';
import { pagesAhead } from './pages-ahead.ts';
import { takeEffect, type Batch, type RetryPolicy } from './projection-batch.ts';
import { refusalOf } from './ahead-of-log.ts';
import { PROJECTION_RUNNER_DEFAULTS, type ProjectionRunnerSettings } from './projection-runner-settings.ts';
import { PAGE_OF_SUSPECTS, Suspicion } from './suspicion.ts';
import { ProjectionReport } from './projection-report.ts';
import type { Projection } from './projection.ts';

export interface ProjectionRunnerPorts {
  readonly store: ProjectionStore;
  readonly log: EventLog;
  readonly signal: LogSignal;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly timeLimit: TimeLimit;
  readonly tracer: Tracer;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

// However far behind, a worker looks this often whether slices of others are to be taken over.
const PASS_MS_MAX = 500;

/** Where a pass left its slice. */
interface Pass {
  readonly slice: Slice;
  readonly isBehind: boolean;
}

export class ProjectionRunner {
  readonly #projection: Projection;
  readonly #ports: ProjectionRunnerPorts;
  readonly #settings: ProjectionRunnerSettings;
  readonly #report: ProjectionReport;
  readonly #suspicion: Suspicion;
  readonly #logger: Logger;
  /** Slices that failed rest for a while; the others go on. */
  readonly #resting = new Map<number, { readonly failures: number; readonly untilMs: number }>();
  /** The highest position this runner has applied in each slice: a rebuild must not spoil the latencies. */
  readonly #applied = new Map<number, bigint>();
  #isRegistered = false;
  #hasWarned = false;
  #isRefused = false;
  #lastBeatAt: Date | undefined;
  /** The slices this worker holds, at the positions it left them. */
  #held: readonly Slice[] = [];
  #hasParked = false;
  #lookedAtMs = -Infinity;

  constructor(
    projection: Projection,
    ports: ProjectionRunnerPorts,
    settings: Pick<ProjectionRunnerSettings, 'owner'> & Partial<ProjectionRunnerSettings>,
  ) {
    this.#projection = projection;
    this.#ports = ports;
    this.#settings = { ...PROJECTION_RUNNER_DEFAULTS, ...settings };
    this.#report = new ProjectionReport(projection, ports);
    const { ownersLostMax, retryDelayMs: delayMs, pollIntervalMs: delayMaxMs, batchSizeMax } = this.#settings;
    this.#suspicion = new Suspicion(ports.store, { ownersLostMax, delayMs, delayMaxMs, batchSizeMax });
    this.#logger = ports.logger.child({ projection: projection.name });
  }

  /** When the loop last gave a sign of life: a watchdog compares it with the clock. */
  get lastBeatAt(): Date | undefined {
    return this.#lastBeatAt;
  }

  /** Follows the log until `stop` is aborted, whatever happens to the database; then gives its slices free. */
  async run(stop: AbortSignal): Promise<void> {
    let failures = 0;
    while (!stop.aborted) {
      // The wait begins before the look at the log: what is appended meanwhile ends it at once.
      const passOver = new AbortController();
      const growth = this.#growth(AbortSignal.any([stop, passOver.signal]));
      try {
        if (await this.runOnce(stop)) passOver.abort();
        failures = 0;
      } catch (error) {
        passOver.abort();
        this.#failed('The projection cannot go on for now.', error);
        // However long the store was away: once it is back, the work goes on within one look.
        await pause(Math.min(this.#backoffMs(++failures), this.#settings.pollIntervalMs), stop);
      }
      await growth;
    }
    await this.#ports.store
      .releaseAll(this.#settings.owner)
      .catch((error: unknown) => this.#failed('The slices could not be given free; their lease will run out.', error));
  }

  async #growth(stop: AbortSignal): Promise<void> {
    // A worker that has nothing to do must not lose its slices: every pass renews their lease.
    const waitMs = Math.min(this.#settings.pollIntervalMs, this.#settings.leaseMs / 3);
    try {
      await this.#ports.signal.waitForGrowth(waitMs, stop);
    } catch (error) {
      this.#failed('The signal of the log failed; the projection polls.', error);
      await pause(waitMs, stop);
    }
  }

  /** One pass over the slices this worker holds; true when a slice is still behind. */
  async runOnce(stop?: AbortSignal): Promise<boolean> {
    this.#beat();
    // Leases outlive many passes: renewing them for each would cost more than the passes themselves.
    const { reportIntervalMs, leaseMs } = this.#settings;
    const isDue = performance.now() - this.#lookedAtMs >= Math.min(reportIntervalMs, leaseMs / 3);
    if (isDue) await this.#lookAtSlices();
    const awake = this.#held.filter(({ slice }) => (this.#resting.get(slice)?.untilMs ?? 0) <= performance.now());
    const passes = await Promise.all(awake.map((slice) => this.#isolated(slice, stop)));
    const left = new Map(passes.map(({ slice }) => [slice.slice, slice]));
    this.#held = this.#held.map((slice) => left.get(slice.slice) ?? slice);
    if (isDue) await this.#report.publish();
    return passes.some(({ isBehind }) => isBehind);
  }

  /** Renews the leases, takes what is free, and hears what operators decided. */
  async #lookAtSlices(): Promise<void> {
    const { store } = this.#ports;
    if (!this.#isRegistered) await store.register(this.#projection, this.#settings.slices);
    this.#isRegistered = true;
    this.#held = await this.#lease();
    const [progress] = await store.progress(this.#projection.name);
    if (progress !== undefined) {
      this.#warnWhenOutdated(progress);
      this.#refuseAheadOfLog(progress);
    }
    this.#hasParked = (progress?.parked ?? 0) > 0;
    this.#lookedAtMs = performance.now();
  }

  #lease(): Promise<readonly Slice[]> {
    const { owner, leaseMs, sliceCountMax } = this.#settings;
    return this.#ports.store.lease(this.#projection, owner, leaseMs, sliceCountMax);
  }

  /** A fault of one slice lets the others go on; it rests, and is tried again. */
  async #isolated(slice: Slice, stop?: AbortSignal): Promise<Pass> {
    try {
      if (this.#hasParked) await this.#carryOutDecisions(slice);
      const pass = await this.#catchUp(slice, stop);
      this.#resting.delete(slice.slice);
      return pass;
    } catch (error) {
      // Where the slice stands now is not known: the next pass asks.
      this.#lookedAtMs = -Infinity;
      if (error instanceof Conflict && error.code === 'projection.checkpoint-moved') {
        this.#logger.info('Another worker went on with a slice.', { slice: slice.slice });
        return { slice, isBehind: true };
      }
      const failures = (this.#resting.get(slice.slice)?.failures ?? 0) + 1;
      this.#resting.set(slice.slice, { failures, untilMs: performance.now() + this.#backoffMs(failures) });
      this.#failed('A slice cannot go on for now.', error, { slice: slice.slice, failures });
      return { slice, isBehind: false };
    }
  }

  /** Applies page after page until the log's end, or until it is time to look at the slices again. */
  async #catchUp(slice: Slice, stop?: AbortSignal): Promise<Pass> {
    const { batchSizeMax, leaseMs } = this.#settings;
    const isSuspect = this.#suspicion.isOn(slice);
    const limit = isSuspect ? PAGE_OF_SUSPECTS : batchSizeMax;
    const endsAtMs = performance.now() + Math.min(PASS_MS_MAX, leaseMs / 3);
    const of = { slice: slice.slice, slices: slice.slices };
    const read = { after: slice.position, limit, types: this.#projection.eventTypes, slice: of };
    let current = slice;
    for await (const page of pagesAhead(this.#ports.log, read)) {
      current = isSuspect
        ? await this.#takeOneByOne(current, page)
        : await this.#take({ slice: current, events: page.events, to: page.readTo });
      if (page.events.length > 0) this.#observe(slice, page.events);
      this.#beat();
      const isTimeUp = isSuspect || performance.now() >= endsAtMs || stop?.aborted === true;
      if (isTimeUp && !page.isLast) return { slice: current, isBehind: true };
    }
    return { slice: current, isBehind: false };
  }

  async #takeOneByOne(slice: Slice, page: LogPage): Promise<Slice> {
    const taken = await this.#suspicion.takeOneByOne(slice, page, (of, event, condemned) =>
      this.#take({ slice: of, events: [event], to: event.position, condemned }),
    );
    return taken.position < page.readTo ? this.#take({ slice: taken, events: [], to: page.readTo }) : taken;
  }

  async #carryOutDecisions(slice: Slice): Promise<void> {
    let parked: readonly ParkedStream[] = [];
    await this.#ports.store.advance(this.#projection, slice, slice.position, async (tx) => {
      parked = await tx.parked();
    });
    for (const resumed of parked.filter(({ decision }) => decision !== undefined)) {
      await this.#resume(resumed, slice);
      this.#logger.info('An operator took up a parked stream.', {
        eventId: resumed.eventId,
        decision: resumed.decision,
      });
    }
  }

  /** Applies, batch by batch, the events of a parked stream that the others of its slice have passed. */
  async #resume(resumed: ParkedStream, slice: Slice): Promise<void> {
    const { decision, eventId, position } = resumed;
    const isApplied = ({ id }: LoggedEvent): boolean => decision !== 'discard' || id !== eventId;
    let page = await this.#waitingBehind(resumed, position - 1n, slice.position);
    const [first] = page;
    // The decision is used up first: an event that ends the process would be taken up again for ever.
    if (first !== undefined) await this.#take({ slice, events: [], to: slice.position, resumed, waiting: first });
    for (let isParkedAgain = false; !isParkedAgain;) {
      const last = page.at(-1);
      const next = last === undefined ? [] : await this.#waitingBehind(resumed, last.position, slice.position);
      const [waiting] = next;
      const events = page.filter(isApplied);
      const batch = { slice, events, to: slice.position, resumed };
      await this.#take(waiting === undefined ? batch : { ...batch, waiting }, () => (isParkedAgain = true));
      this.#beat();
      if (waiting === undefined) return;
      page = next;
    }
  }

  #waitingBehind({ stream }: ParkedStream, after: bigint, upTo: bigint): Promise<readonly LoggedEvent[]> {
    return this.#ports.log.readStreamRange(stream, after, upTo, this.#settings.batchSizeMax);
  }

  async #take(
    batch: Omit<Batch, 'projection' | 'ids' | 'handlers'>,
    onPark: () => void = () => undefined,
  ): Promise<Slice> {
    const { store, ids, timeLimit, tracer } = this.#ports;
    const handlers = new HandlerCalls(timeLimit, this.#settings.handlerTimeoutMs);
    const whole: Batch = { ...batch, projection: this.#projection, ids, handlers };
    const take = (): Promise<Slice> => takeEffect(whole, store, this.#retrying(onPark));
    if (batch.events.length === 0) return take();
    return tracer.span(`projection ${this.#projection.name}`, () => batchSpan(batch.slice, batch.events), take);
  }

  #retrying(onPark: () => void): RetryPolicy {
    const { attemptsMax, retryDelayMs } = this.#settings;
    return {
      attemptsMax,
      delayMs: retryDelayMs,
      onRetry: async () => {
        this.#report.retried();
        // Attempts take time, and whoever loses the slice in between begins to count anew.
        await this.#lease();
      },
      onPark: ({ eventId, eventType, position, error }, cause) => {
        onPark();
        this.#logger.error('A stream is parked behind an event that cannot be applied.', {
          eventId,
          eventType,
          position: String(position),
          code: error.code,
          error: cause instanceof CodedError ? cause.message : cause,
        });
      },
    };
  }

  #observe({ slice, position }: Slice, events: readonly LoggedEvent[]): void {
    for (const { id: eventId, type: eventType, position: at, metadata } of events) {
      const passed = { slice, eventId, eventType, position: String(at), correlationId: metadata.correlationId };
      this.#logger.debug('The projection has passed an event.', passed);
    }
    const before = this.#applied.get(slice) ?? position;
    this.#report.applied(events.filter((event) => event.position > before));
    const last = events.at(-1)!.position;
    if (last > before) this.#applied.set(slice, last);
  }

  #warnWhenOutdated({ schemaVersion: stored }: ProjectionProgress): void {
    const { schemaVersion } = this.#projection;
    if (stored !== schemaVersion && !this.#hasWarned) {
      this.#logger.warn('The read model is of another schema version; it stands still until it is rebuilt.', {
        stored,
        schemaVersion,
      });
    }
    this.#hasWarned = stored !== schemaVersion;
  }

  /** A slice of another log stands still until it is built anew; what it has skipped would be lost unseen. */
  #refuseAheadOfLog(progress: ProjectionProgress): void {
    const refusal = refusalOf(progress);
    if (refusal !== undefined && !this.#isRefused) {
      this.#logger.error('The projection is refused.', { code: refusal.code, error: refusal.message });
    }
    this.#isRefused = refusal !== undefined;
    const ahead = new Set(progress.slices.filter(({ isAheadOfLog }) => isAheadOfLog).map(({ slice }) => slice));
    this.#held = this.#held.filter(({ slice }) => !ahead.has(slice));
  }

  #beat(): void {
    this.#lastBeatAt = this.#ports.clock.now();
  }

  #failed(message: string, error: unknown, fields: Readonly<Record<string, unknown>> = {}): void {
    this.#report.retried();
    const code = error instanceof CodedError ? error.code : 'projection.unexpected';
    this.#logger.warn(message, { ...fields, code, error: error instanceof CodedError ? error.message : error });
  }

  #backoffMs(failures: number): number {
    return Math.min(this.#settings.retryDelayMaxMs, this.#settings.retryDelayMs * 2 ** Math.min(failures, 20));
  }
}
