// From append to projected: how long a reader waits for what was just recorded.
import { EventStore, Ids } from '@groundwork/application';
import type { App } from '@groundwork/configuration';
import { streamId } from '@groundwork/domain';
import { Client } from 'pg';
import { BENCH_EVENT_TYPE } from './bench.module.ts';
import { percentile, rounded } from './closed-loop.ts';
import { composed, TENANT } from './our-store.ts';
import { payload } from './payload.ts';
import { followTotals, TOTALS, totalsTable } from './projected-totals.ts';
import { reachSteadyState } from './steady-state.ts';
import type { Suite } from './suite.ts';

const RATES = [200, 500];
const STREAMS = 500;
const WARM_UP_MS = 2_000;
const WINDOW_MS = 10_000;

export const latencySuite: Suite = {
  name: 'latency',
  description: `from append to projected at ${RATES.join(' and ')} appends a second, by a worker beside an api`,
  run: async ({ url, note }) => {
    await reachSteadyState(url, note);
    const latencies = await latenciesAt(url, RATES, { warmUpMs: WARM_UP_MS, windowMs: WINDOW_MS, note });
    const results = latencies.map(({ perSecond, p50Ms, p99Ms }) => ({
      name: 'groundwork',
      concurrency: 1,
      perSecond,
      p50Ms,
      p99Ms,
    }));
    const bounded = latencies.flatMap(({ perSecond, p50Ms, p99Ms }) => [
      [`latency${perSecond}P50Ms`, p50Ms],
      [`latency${perSecond}P99Ms`, p99Ms],
    ]);
    return { results, ratios: Object.fromEntries(bounded) as Record<string, number> };
  },
};

export interface Latency {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** At each rate, of every event of a window: from the moment its append was due until its row was committed. */
export async function latenciesAt(
  url: string,
  rates: readonly number[],
  { warmUpMs, windowMs, note }: { warmUpMs: number; windowMs: number; note(line: string): void },
): Promise<readonly Latency[]> {
  const administrator = new Client({ connectionString: url });
  await administrator.connect();
  await administrator.query(totalsTable(TOTALS));
  await administrator.end();
  await using api = await composed(url, 'api');
  const waiting: Waiting = new Map();
  await using _worker = await followTotals(url, (eventId) => {
    const event = waiting.get(eventId);
    waiting.delete(eventId);
    event?.projected(performance.now() - event.since);
  });
  await measured(api, waiting, Math.max(...rates), warmUpMs);
  const all: Latency[] = [];
  for (const perSecond of rates) {
    const latencies = (await measured(api, waiting, perSecond, windowMs)).sort((a, b) => a - b);
    const at = (share: number): number => rounded(percentile(latencies, share));
    const latency = { perSecond, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
    note(
      `${perSecond} a second: p50 ${latency.p50Ms} ms, p95 ${latency.p95Ms} ms, p99 ${latency.p99Ms} ms, slowest ` +
        `${rounded(latencies.at(-1)!)} ms`,
    );
    all.push(latency);
  }
  return all;
}

type Waiting = Map<string, { readonly since: number; projected(latencyMs: number): void }>;

/** Appends are asked for on time, however long the ones before them take. */
async function measured(api: App, waiting: Waiting, perSecond: number, durationMs: number): Promise<number[]> {
  const [store, ids] = [api.get(EventStore), api.get(Ids)];
  const projections: Promise<number>[] = [];
  const startedAt = performance.now();
  for (let n = 0; n < (perSecond * durationMs) / 1000; n++) {
    const dueAt = startedAt + (n * 1000) / perSecond;
    while (performance.now() < dueAt) await new Promise((resolve) => setTimeout(resolve, 1));
    const id = ids.next();
    const metadata = { actor: 'bench', correlationId: id };
    const event = {
      id,
      type: BENCH_EVENT_TYPE,
      source: 'api',
      occurredAt: new Date(),
      data: payload,
      metadata,
    } as const;
    projections.push(new Promise((projected) => waiting.set(id, { since: dueAt, projected })));
    const stream = streamId('bench', `stream-${n % STREAMS}`);
    void store.append({ tenant: TENANT, stream, expected: 'any', events: [event] });
  }
  return Promise.all(projections);
}
