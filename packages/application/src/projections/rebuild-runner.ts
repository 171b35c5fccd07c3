// Goes on with every rebuild that is open: builds beside the live table, compares, and switches.
import { CodedError } from '@groundwork/domain';
import { pause } from '../pause.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { ProjectionStore } from '../ports/projection-store.ts';
import type { Rebuild, Rebuilds } from '../ports/rebuilds.ts';
import { buildingProjection, buildName, logBehind } from './building-projection.ts';
import type { ProjectionRunnerSettings } from './projection-runner-settings.ts';
import { ProjectionRunner, type ProjectionRunnerPorts } from './projection-runner.ts';
import type { Projection } from './projection.ts';

export interface RebuildRunnerPorts extends Omit<ProjectionRunnerPorts, 'metrics'> {
  readonly rebuilds: Rebuilds;
}

type RunnerSettings = Pick<ProjectionRunnerSettings, 'owner'> & Partial<ProjectionRunnerSettings>;

/** A build that is this close behind is worth holding the live projection for: it comes level within a moment. */
const POSITIONS_BEHIND_MAX = 1_000n;
/** How soon a build sees that the live projection has gone on. */
const BUILD_POLL_INTERVAL_MS = 50;

interface Build {
  readonly rebuild: Rebuild;
  readonly stop: AbortController;
  readonly running: Promise<void>;
}

/**
 * One for each worker. What it knows is in the database, so that any worker goes on where a killed one left off; a
 * rebuild of another schema version than the worker's own is left to workers that have it.
 */
export class RebuildRunner {
  readonly #projections: ReadonlyMap<string, Projection>;
  readonly #ports: RebuildRunnerPorts;
  readonly #settings: RunnerSettings;
  readonly #pollIntervalMs: number;
  readonly #builds = new Map<number, Build>();
  #isBusy = false;
  #lastBeatAt: Date | undefined;

  constructor(projections: readonly Projection[], ports: RebuildRunnerPorts, settings: RunnerSettings) {
    this.#projections = new Map(projections.map((projection) => [projection.name, projection]));
    this.#ports = ports;
    this.#settings = settings;
    this.#pollIntervalMs = settings.pollIntervalMs ?? 1_000;
  }

  get lastBeatAt(): Date | undefined {
    return this.#lastBeatAt;
  }

  /** Goes on with rebuilds until `stop` is aborted; what it has begun to build, others go on with. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        await this.runOnce();
      } catch (error) {
        this.#ports.logger.warn('The rebuilds cannot be looked at for now.', { error });
      }
      await pause(this.#isBusy ? BUILD_POLL_INTERVAL_MS : this.#pollIntervalMs, stop);
    }
    await this.#end([...this.#builds.values()]);
  }

  /** One look at all open rebuilds. */
  async runOnce(): Promise<void> {
    this.#lastBeatAt = this.#ports.clock.now();
    const open = await this.#ports.rebuilds.open();
    await this.#end([...this.#builds.values()].filter(({ rebuild }) => open.every(({ id }) => id !== rebuild.id)));
    // A compared shadow run, or one with parked streams, waits for people; what has just failed is not pressed.
    this.#isBusy = open.some(
      (rebuild) => rebuild.error === undefined && (rebuild.state === 'building' || mayBeSwitched(rebuild)),
    );
    for (const rebuild of open) {
      const projection = this.#projections.get(rebuild.projection);
      if (projection?.schemaVersion !== rebuild.schemaVersion) continue;
      if (!this.#builds.has(rebuild.id)) this.#builds.set(rebuild.id, this.#begun(projection, rebuild));
      await this.#goOn(projection, rebuild);
      this.#lastBeatAt = this.#ports.clock.now();
    }
  }

  #begun(projection: Projection, rebuild: Rebuild): Build {
    const { store, log } = this.#ports;
    const stop = new AbortController();
    const ports: ProjectionRunnerPorts = {
      ...this.#ports,
      store: registeredBefore(store),
      log: logBehind(projection.name, { log, store }),
      metrics: SILENT,
    };
    const settings = {
      ...this.#settings,
      owner: `${this.#settings.owner}${buildName(rebuild)}`,
      pollIntervalMs: BUILD_POLL_INTERVAL_MS,
      // No slice of a build may be ahead of the live one.
      readsTogether: false,
    };
    this.#ports.logger.info('A read model is built beside the live one.', describing(rebuild));
    const runner = new ProjectionRunner(buildingProjection(projection, rebuild), ports, settings);
    return { rebuild, stop, running: runner.run(stop.signal) };
  }

  async #goOn(projection: Projection, rebuild: Rebuild): Promise<void> {
    const { rebuilds, logger } = this.#ports;
    if (rebuild.total - rebuild.done > POSITIONS_BEHIND_MAX) return;
    try {
      if (rebuild.state === 'building') {
        if (await rebuilds.compare(projection, rebuild)) logger.info('A build was compared.', describing(rebuild));
      } else if (mayBeSwitched(rebuild)) {
        if (await rebuilds.switchOver(rebuild)) logger.info('A rebuilt read model is live.', describing(rebuild));
      }
    } catch (error) {
      logger.warn('A rebuild cannot go on for now.', { ...describing(rebuild), error });
      const told = error instanceof CodedError ? `${error.message} [${error.code}]` : 'See the log of the worker.';
      await rebuilds.failed(rebuild, told);
    }
  }

  async #end(builds: readonly Build[]): Promise<void> {
    for (const { stop } of builds) stop.abort();
    await Promise.all(builds.map(({ running }) => running));
    for (const { rebuild } of builds) this.#builds.delete(rebuild.id);
  }
}

const mayBeSwitched = ({ isShadow, isForced, parked }: Rebuild): boolean =>
  !isShadow && (isForced || Object.keys(parked).length === 0);

const describing = ({ projection, number, schemaVersion, comparison }: Rebuild): Record<string, unknown> => ({
  projection,
  number,
  schemaVersion,
  ...(comparison === undefined ? {} : { comparison }),
});

/** Slices of a build are made when it begins: a runner that comes too late must not make it again. */
const registeredBefore = (store: ProjectionStore): ProjectionStore => ({
  register: async () => undefined,
  lease: (...lease) => store.lease(...lease),
  renew: (...renew) => store.renew(...renew),
  releaseAll: (owner) => store.releaseAll(owner),
  suspect: (...suspect) => store.suspect(...suspect),
  advance: (...advance) => store.advance(...advance),
  upsert: (...upsert) => store.upsert(...upsert),
  pass: (...pass) => store.pass(...pass),
  holdSlice: (...hold) => store.holdSlice(...hold),
  progress: (projection) => store.progress(projection),
  setState: (...state) => store.setState(...state),
});

/** A build is watched as an operation; its numbers are not those of a projection. */
const SILENT: Metrics = {
  counter: () => ({ add: () => undefined }),
  gauge: () => ({ set: () => undefined }),
  histogram: () => ({ observe: () => undefined }),
};
