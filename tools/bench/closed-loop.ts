// Clients that each ask again as soon as they are answered, measured in windows.

/** One request of client number `client`. */
export type Request = (client: number) => Promise<void>;

export interface Window {
  readonly perSecond: number;
  /** Of each request; none where the contender tells no single durations. */
  readonly latenciesMs: readonly number[];
}

/** Lets `clients` clients work for `durationMs`, then for as long as their last requests take. */
export async function runWindow(request: Request, clients: number, durationMs: number): Promise<Window> {
  const latenciesMs: number[] = [];
  const startedAt = performance.now();
  const endsAt = startedAt + durationMs;
  const work = async (client: number): Promise<void> => {
    for (let now = performance.now(); now < endsAt;) {
      await request(client);
      const answeredAt = performance.now();
      latenciesMs.push(answeredAt - now);
      now = answeredAt;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, client) => work(client)));
  return { perSecond: (latenciesMs.length * 1000) / (performance.now() - startedAt), latenciesMs };
}

export interface Figures {
  readonly perSecond: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** The median rate of the windows, and percentiles over the requests of all of them. */
export function figuresOf(windows: readonly Window[]): Figures {
  const rates = windows.map(({ perSecond }) => perSecond).sort((a, b) => a - b);
  const latencies = windows.flatMap(({ latenciesMs }) => latenciesMs).sort((a, b) => a - b);
  return {
    perSecond: Math.round(percentile(rates, 0.5)),
    p50Ms: latencies.length === 0 ? null : rounded(percentile(latencies, 0.5)),
    p99Ms: latencies.length === 0 ? null : rounded(percentile(latencies, 0.99)),
  };
}

/** Window by window, because what else the machine does falls on neighbours alike. */
export function medianRatio(ours: readonly Window[], theirs: readonly Window[]): number {
  const ratios = ours.map(({ perSecond }, round) => perSecond / theirs[round]!.perSecond);
  return rounded(
    percentile(
      ratios.sort((a, b) => a - b),
      0.5,
    ),
  );
}

/** Ours over theirs at the same share of all requests: below 1 we are faster. */
export function percentileRatio(ours: readonly Window[], theirs: readonly Window[], share: number): number {
  const at = (windows: readonly Window[]): number =>
    percentile(
      windows.flatMap(({ latenciesMs }) => latenciesMs).sort((a, b) => a - b),
      share,
    );
  return rounded(at(ours) / at(theirs));
}

/** The value that the share of the sorted values does not exceed; 0 for none. */
export const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;

export const rounded = (value: number): number => Math.round(value * 100) / 100;
