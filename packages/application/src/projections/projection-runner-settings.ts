// How a projection runner works: how much at once, how long, how often.

export interface ProjectionRunnerSettings {
  /** Names this process among all workers. */
  readonly owner: string;
  /** Into how many slices a new projection is divided; one that exists keeps its number. */
  readonly slices: number;
  /** How many of them this worker takes at most. */
  readonly sliceCountMax: number;
  readonly batchSizeMax: number;
  /** Whether slices that stand near each other read the log together. */
  readonly readsTogether: boolean;
  readonly leaseMs: number;
  readonly pollIntervalMs: number;
  /** How often an event is tried, in this process or in those that it ends, before its stream is parked; from 3. */
  readonly attemptsMax: number;
  /** How many workers in a row may be lost over one event before its stream is parked. */
  readonly ownersLostMax: number;
  /** How long the handler of one event may take; well below the lease, which nobody renews meanwhile. */
  readonly handlerTimeoutMs: number;
  readonly retryDelayMs: number;
  readonly retryDelayMaxMs: number;
  /** Between two looks at who holds which slice, and two reports. */
  readonly reportIntervalMs: number;
}

export const PROJECTION_RUNNER_DEFAULTS: Omit<ProjectionRunnerSettings, 'owner'> = {
  slices: 4,
  sliceCountMax: 4,
  batchSizeMax: 2_000,
  readsTogether: true,
  leaseMs: 15_000,
  pollIntervalMs: 1_000,
  attemptsMax: 5,
  // Workers may be killed many times in a row within moments of their start, for reasons that no event has to do with.
  ownersLostMax: 25,
  handlerTimeoutMs: 500,
  retryDelayMs: 50,
  retryDelayMaxMs: 30_000,
  reportIntervalMs: 500,
};
