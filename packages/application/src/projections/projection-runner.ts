// Keeps one projection or relay level with the log, in stream order, on any number of workers: rows change exactly
// once, messages are sent at least once.
import { CodedError } from '@groundwork/domain';
import { Conflict } from '../errors.ts';
import type { LoggedEvent } from '../events/event.ts';
import { pause } from '../pause.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventLog, LogPage, LogSignal } from '../ports/event-log.ts';
import type { Ids } from '../ports/ids.ts';
import type { Logger } from '../ports/logger.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { ProjectionProgress, ProjectionStore, Slice } from '../ports/projection-store.ts';
import type { TimeLimit } from '../ports/time-limit.ts';
import type { Tracer } from '../ports/tracer.ts';
import { exponential, type RetryDelay } from '../resilience/retry-delay.ts';
import { batchSpan } from './batch-span.ts';
import { HandlerCalls } from './handler-calls.ts';
import { pagesAhead } from './pages-ahead.ts';
import type { Batch } from './projection-batch.ts';
import { refusalOf } from './ahead-of-log.ts';
import { PROJECTION_RUNNER_DEFAULTS, type ProjectionRunnerSettings } from './projection-runner-settings.ts';
import { PAGE_OF_SUSPECTS, Suspicion } from './suspicion.ts';
import type { SubscriptionReport } from './projection-report.ts';
import { isRelay, type Relay } from '../relays/relay.ts';
import { resumeStreams } from './resumed-streams.ts';
import { retryPolicy } from './retry-policy.ts';
import { whileRenewed } from './while-renewed.ts';
import { eventsAhead, partsOf, slicesTogether } from './slices-together.ts';
import { effectOf, register, reportOf, type Effect } from './subscription-effect.ts';
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

/** Where a pass has brought a slice. */
interface Pass {
  readonly slice: Slice;
  /** It goes no further in this pass. */
  readonly isOver: boolean;
  readonly isBehind: boolean;
}

/** What one slice does next, and where it stands then; undefined when another owner has put it elsewhere. */
type Step = (slice: Slice) => Promise<Slice | undefined>;

export class ProjectionRunner {
  readonly #projection: Projection | Relay;
  readonly #ports: ProjectionRunnerPorts;
  readonly #delayMs: RetryDelay;
  readonly #settings: ProjectionRunnerSettings;
  readonly #effect: Effect;
  readonly #report: SubscriptionReport;
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
    projection: Projection | Relay,
    ports: ProjectionRunnerPorts,
    settings: Pick<ProjectionRunnerSettings, 'owner'> & Partial<ProjectionRunnerSettings>,
  ) {
    this.#projection = projection;
    this.#ports = ports;
    this.#settings = { ...PROJECTION_RUNNER_DEFAULTS, ...settings };
    this.#delayMs = exponential({ initialMs: this.#settings.retryDelayMs, maxMs: this.#settings.retryDelayMaxMs });
    this.#effect = effectOf(projection, ports);
    this.#report = reportOf(projection, ports);
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
        await pause(Math.min(this.#delayMs(++failures + 1), this.#settings.pollIntervalMs), stop);
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
    const catchUp = () => Promise.all(this.#groups(awake).map((slices) => this.#catchUp(slices, stop)));
    // Sending may take longer than a lease, part by part and page by page.
    const isLong = isRelay(this.#projection) && awake.length > 0;
    const passes = (await (isLong ? whileRenewed(catchUp, leaseMs, () => this.#renew()) : catchUp())).flat();
    const left = new Map(passes.map(({ slice }) => [slice.slice, slice]));
    this.#held = this.#held.map((slice) => left.get(slice.slice) ?? slice);
    if (isDue) await this.#report.publish();
    return passes.some(({ isBehind }) => isBehind);
  }

  /** Renews the leases, takes what is free, and hears what operators decided. */
  async #lookAtSlices(): Promise<void> {
    const { store } = this.#ports;
    if (!this.#isRegistered) await register(this.#projection, this.#settings.slices, this.#ports);
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

  async #renew(): Promise<void> {
    const { owner, leaseMs } = this.#settings;
    this.#beat();
    await this.#ports.store
      .renew(this.#projection, owner, leaseMs)
      .catch((error: unknown) => this.#failed('The lease could not be renewed.', error));
  }

  #groups(slices: readonly Slice[]): readonly (readonly Slice[])[] {
    if (!this.#settings.readsTogether) return slices.map((slice) => [slice]);
    const { true: suspects = [], false: others = [] } = Object.groupBy(slices, (slice) =>
      this.#suspicion.isOn(slice) ? 'true' : 'false',
    );
    return [...slicesTogether(others, this.#settings.batchSizeMax), ...suspects.map((slice) => [slice])];
  }

  /** Applies page after page until the log's end, or until it is time to look at the slices again. */
  async #catchUp(slices: readonly Slice[], stop?: AbortSignal): Promise<readonly Pass[]> {
    const { batchSizeMax, leaseMs } = this.#settings;
    const isSuspect = this.#suspicion.isOn(slices[0]!);
    const endsAtMs = performance.now() + Math.min(PASS_MS_MAX, leaseMs / 3);
    let isBehind = false;
    let passes: readonly Pass[] = slices.map((slice) => ({ slice, isOver: false, isBehind: false }));
    const all = async (step: Step): Promise<void> => {
      passes = await Promise.all(passes.map((pass) => (pass.isOver ? pass : this.#isolated(pass.slice, step))));
    };
    if (this.#hasParked) await all((slice) => this.#resumeStreams(slice));
    const read = {
      after: slices.reduce((lowest, { position }) => (position < lowest ? position : lowest), slices[0]!.position),
      limit: isSuspect ? PAGE_OF_SUSPECTS : batchSizeMax * slices.length,
      types: this.#projection.eventTypes,
      slices: { of: slices.map(({ slice }) => slice), count: slices[0]!.slices },
    };
    try {
      for await (const page of pagesAhead(this.#ports.log, read)) {
        const going = passes.filter(({ isOver }) => !isOver).map(({ slice }) => slice);
        await all(isSuspect ? (slice) => this.#takeOneByOne(slice, page) : this.#takePage(going, page));
        this.#beat();
        const isTimeUp = isSuspect || performance.now() >= endsAtMs || stop?.aborted === true;
        isBehind = isTimeUp && !page.isLast;
        if (isBehind || passes.every(({ isOver }) => isOver)) break;
      }
    } catch (error) {
      await all(() => Promise.reject(error));
    }
    for (const { slice } of passes.filter(({ isOver }) => !isOver)) this.#resting.delete(slice.slice);
    return passes.map((pass) => (pass.isOver ? pass : { ...pass, isBehind }));
  }

  /** A fault of one slice lets the others go on; it rests, and is tried again. */
  async #isolated(slice: Slice, step: Step): Promise<Pass> {
    try {
      const taken = await step(slice);
      if (taken !== undefined) return { slice: taken, isOver: false, isBehind: false };
    } catch (error) {
      if (!(error instanceof Conflict && error.code === 'projection.checkpoint-moved')) {
        // Where the slice stands now is not known: the next pass asks.
        this.#lookedAtMs = -Infinity;
        const failures = (this.#resting.get(slice.slice)?.failures ?? 0) + 1;
        this.#resting.set(slice.slice, { failures, untilMs: performance.now() + this.#delayMs(failures + 1) });
        this.#failed('A slice cannot go on for now.', error, { slice: slice.slice, failures });
        return { slice, isOver: true, isBehind: false };
      }
    }
    this.#lookedAtMs = -Infinity;
    this.#logger.info('Another worker went on with a slice.', { slice: slice.slice });
    return { slice, isOver: true, isBehind: true };
  }

  /** Slices that have no event in the page pass it together, by one statement. */
  #takePage(slices: readonly Slice[], page: LogPage): Step {
    const idle = slices.filter((slice) => slice.position < page.readTo && eventsAhead(slice, page).length === 0);
    const passed = idle.length === 0 ? undefined : this.#ports.store.pass(this.#projection, idle, page.readTo);
    return async (slice) => {
      if (slice.position >= page.readTo) return slice;
      if (idle.includes(slice)) return (await passed)!.find((moved) => moved.slice === slice.slice);
      let current = slice;
      for (const part of partsOf(eventsAhead(slice, page), this.#settings.batchSizeMax, page.readTo)) {
        current = await this.#take({ slice: current, ...part });
        this.#observe(slice, part.events);
      }
      return current;
    };
  }

  async #takeOneByOne(slice: Slice, page: LogPage): Promise<Slice> {
    const taken = await this.#suspicion.takeOneByOne(slice, page, (of, event, condemned) =>
      this.#take({ slice: of, events: [event], to: event.position, condemned }),
    );
    if (page.events.length > 0) this.#observe(slice, page.events);
    return taken.position < page.readTo ? this.#take({ slice: taken, events: [], to: page.readTo }) : taken;
  }

  async #resumeStreams(slice: Slice): Promise<Slice> {
    const { store, log } = this.#ports;
    await resumeStreams(slice, {
      projection: this.#projection,
      store,
      log,
      batchSizeMax: this.#settings.batchSizeMax,
      take: async (batch, onPark) => {
        await this.#take(batch, onPark);
        this.#beat();
      },
      onResumed: ({ eventId, decision }) =>
        this.#logger.info('An operator took up a parked stream.', { eventId, decision }),
    });
    return slice;
  }

  async #take(
    batch: Omit<Batch, 'projection' | 'ids' | 'handlers'>,
    onPark: () => void = () => undefined,
  ): Promise<Slice> {
    const { timeLimit, tracer } = this.#ports;
    const handlers = new HandlerCalls(timeLimit, this.#settings.handlerTimeoutMs);
    const onRetry = async (): Promise<void> => {
      this.#report.retried();
      // Attempts take time, and whoever loses the slice in between begins to count anew.
      await this.#lease();
    };
    const retry = retryPolicy(this.#settings, { onRetry, onPark, logger: this.#logger });
    const take = (): Promise<Slice> => this.#effect({ ...batch, handlers }, retry);
    if (batch.events.length === 0) return take();
    const kind = isRelay(this.#projection) ? 'relay' : 'projection';
    return tracer.span(`${kind} ${this.#projection.name}`, () => batchSpan(batch.slice, batch.events), take);
  }

  #observe({ slice, position }: Slice, events: readonly LoggedEvent[]): void {
    for (const event of events) {
      this.#logger.debug('The projection has passed an event.', () => ({
        slice,
        eventId: event.id,
        eventType: event.type,
        position: String(event.position),
        correlationId: event.metadata.correlationId,
      }));
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
}
