// Events projected a second: a read model that counts the events of a log, built from the beginning.
import { Client } from 'pg';
import { percentile, rounded } from './closed-loop.ts';
import { EVENTS_PER_STREAM, fillLog } from './filled-log.ts';
import { buildTotals, TOTALS, totalsTable } from './projected-totals.ts';
import { reachSteadyState } from './steady-state.ts';
import type { Peer, Result, Suite } from './suite.ts';

const EVENTS = 200_000;
const ROUNDS = 5;
// A hundred times slower: as many would take longer than all the rest, and its rate does not depend on their number.
const PEER_EVENTS = 20_000;
const PEER_BATCH_SIZES = [100, 1_000, 5_000];

export const projectSuite: Suite = {
  name: 'project',
  description: 'a read model built from 200,000 events of 20,000 streams, against one SQL statement that does it all',
  run: async ({ url, peers, events = EVENTS, note }) => {
    await fillLog(url, events, note);
    const rates = await ourRates(url, events, note);
    const ours = median(rates.map((each) => each.ours));
    const results = [
      result('groundwork', ours),
      result('one statement', median(rates.map(({ statement }) => statement))),
    ];
    const ratios: Record<string, number> = {
      projectOverStatement: rounded(median(rates.map((each) => each.ours / each.statement))),
    };
    for (const peer of peers) {
      const best = await bestRate(peer, note);
      if (best === undefined) continue;
      results.push(result(peer.name, best));
      ratios[`projectOver_${peer.name}`] = rounded(ours / best);
    }
    note('Each event was counted exactly once, and every row is that of the statement.');
    return { results, ratios };
  },
};

interface Rates {
  readonly ours: number;
  readonly statement: number;
}

async function ourRates(url: string, events: number, note: (line: string) => void): Promise<readonly Rates[]> {
  const administrator = new Client({ connectionString: url });
  await administrator.connect();
  try {
    await administrator.query(totalsTable(TOTALS) + totalsTable(STATEMENT_TOTALS));
    await using built = await buildTotals(url);
    const rates: Rates[] = [];
    await reachSteadyState(url, note);
    for (let round = 0; round <= ROUNDS; round++) {
      await administrator.query(FROM_THE_BEGINNING);
      await administrator.query('checkpoint');
      const ours = await perSecond(events, () => built.catchUp());
      const statement = await perSecond(events, () => administrator.query(ALL_AT_ONCE));
      await refuseDifference(administrator, events);
      note(`groundwork ${Math.round(ours)}/s, one statement ${Math.round(statement)}/s`);
      if (round > 0) rates.push({ ours, statement });
    }
    return rates;
  } finally {
    await administrator.end();
  }
}

const STATEMENT_TOTALS = 'statement_total';

const FROM_THE_BEGINNING = `
  truncate bench.${TOTALS}, bench.${STATEMENT_TOTALS};
  update groundwork.projection_slice set position = 0, epoch = epoch + 1, owner = null, lease_until = null
   where projection = 'bench.totals'`;

const ALL_AT_ONCE = `
  insert into bench.${STATEMENT_TOTALS} (tenant, stream, events, employees, last_name, stream_version)
  select s.tenant, s.id, count(*), sum((e.data::jsonb ->> 'employees')::int),
         (array_agg(e.data::jsonb ->> 'name' order by e.stream_version desc))[1], max(e.stream_version)
    from groundwork.event e join groundwork.stream s using (stream_id)
   group by s.tenant, s.id`;

async function perSecond(events: number, work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (events * 1000) / (performance.now() - startedAt);
}

async function refuseDifference(administrator: Client, events: number): Promise<void> {
  const { rows } = await administrator.query<{ counted: number; different: number }>(`
    select (select sum(events)::int from bench.${TOTALS}) as counted,
           (select count(*)::int from ((table bench.${TOTALS} except table bench.${STATEMENT_TOTALS}) union all
                                       (table bench.${STATEMENT_TOTALS} except table bench.${TOTALS})) d) as different`);
  const { counted, different } = rows[0]!;
  if (counted === events && different === 0) return;
  throw new Error(`The read model counts ${counted} of ${events} events, and ${different} rows differ.`);
}

/** At the best of some batch sizes; undefined for one that has no projections. */
async function bestRate(peer: Peer, note: (line: string) => void): Promise<number | undefined> {
  const { project, projected } = peer;
  if (project === undefined || projected === undefined) return undefined;
  for (let stream = 0; stream < PEER_EVENTS / EVENTS_PER_STREAM; stream++) {
    await peer.append(`projected-${stream}`, 0, EVENTS_PER_STREAM);
  }
  const rates: number[] = [];
  for (const batchSize of PEER_BATCH_SIZES) {
    const rate = await perSecond(PEER_EVENTS, () => project(batchSize));
    const counted = await projected();
    if (counted !== PEER_EVENTS) throw new Error(`${peer.name} counts ${counted} of ${PEER_EVENTS} events.`);
    note(`${peer.name} in batches of ${batchSize}: ${Math.round(rate)}/s`);
    rates.push(rate);
  }
  return Math.max(...rates);
}

const result = (name: string, rate: number): Result => ({
  name,
  concurrency: 1,
  perSecond: Math.round(rate),
  p50Ms: null,
  p99Ms: null,
});

const median = (values: readonly number[]): number =>
  percentile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
