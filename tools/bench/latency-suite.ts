// From append to projected: how long a reader waits for what was just recorded.
import { EventStore, Ids } from '@groundwork/application';
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
    const administrator = new Client({ connectionString: url });
    await administrator.connect();
    await administrator.query(totalsTable(TOTALS));
    await administrator.end();
    await reachSteadyState(url, note);
    await using api = await composed(url, 'api');
    const [store, ids] = [api.get(EventStore), api.get(Ids)];
    const waiting = new Map<string, { readonly since: number; projected(latencyMs: number): void }>();
    await using _worker = await followTotals(url, (eventId) => {
      const event = waiting.get(eventId);
      waiting.delete(eventId);
      event?.projected(performance.now() - event.since);
    });
    /** Latencies of appends that are asked for on time, however long the ones before them take. */
    const measure = async (perSecond: number, durationMs: number): Promise<number[]> => {
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
        void store.append({
          tenant: TENANT,
          stream: streamId('bench', `stream-${n % STREAMS}`),
          expected: 'any',
          events: [event],
        });
      }
      return Promise.all(projections);
    };
    await measure(Math.max(...RATES), WARM_UP_MS);
    const results = [];
    for (const rate of RATES) {
      const latencies = (await measure(rate, WINDOW_MS)).sort((a, b) => a - b);
      const [p50Ms, p95Ms, p99Ms] = [0.5, 0.95, 0.99].map((share) => rounded(percentile(latencies, share)));
      note(
        `${rate} a second: p50 ${p50Ms} ms, p95 ${p95Ms} ms, p99 ${p99Ms} ms, slowest ${rounded(latencies.at(-1)!)} ms`,
      );
      results.push({ name: 'groundwork', concurrency: 1, perSecond: rate, p50Ms: p50Ms!, p99Ms: p99Ms! });
    }
    return { results, ratios: {} };
  },
};
