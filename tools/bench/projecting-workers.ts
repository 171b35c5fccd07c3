// A projection caught up by one worker and by several, each in a process of its own.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { rounded } from './closed-loop.ts';
import { EVENTS_PER_STREAM, fillLog } from './filled-log.ts';
import { DIGESTS, DIGESTS_TABLE } from './heavy-projection.module.ts';
import { SLICES, workerProcess } from './worker-process.ts';

/** What one worker and what several do in a second. */
export interface Rates {
  readonly one: number;
  readonly more: number;
}

export interface Catching {
  readonly events: number;
  readonly rounds: number;
  readonly workers: number;
  note(line: string): void;
}

/**
 * Fills an empty log and projects it as often by one worker as by several, who have shared the slices before. Throws
 * when a row counts an event twice or not at all, or when several give other rows than one: they depend on the order.
 */
export async function projectedByOneAndMore(url: string, catching: Catching): Promise<readonly Rates[]> {
  const { events, rounds, workers, note } = catching;
  await fillLog(url, events, note);
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(DIGESTS_TABLE);
    const one = await caughtUpBy(1, url, client, catching);
    const more = await caughtUpBy(workers, url, client, catching);
    if (one.rows !== more.rows) throw new Error(`${workers} workers give other rows than one.`);
    return Array.from({ length: rounds }, (_, round) => {
      const rates = { one: one.perSecond[round]!, more: more.perSecond[round]! };
      note(`projecting: 1 worker ${rounded(rates.one)}/s, ${workers} workers ${rounded(rates.more)}/s`);
      return rates;
    });
  } finally {
    await client.end();
  }
}

async function caughtUpBy(
  workerCount: number,
  url: string,
  client: Client,
  { events, rounds }: Catching,
): Promise<{ readonly perSecond: readonly number[]; readonly rows: string }> {
  await using stack = new AsyncDisposableStack();
  const workers = await Promise.all(Array.from({ length: workerCount }, () => workerProcess(url, 'projection')));
  for (const worker of workers) stack.use(worker);
  for (const worker of workers) worker.begin();
  await untilLevel(client, events);
  // Slices are shared out while nothing is to be done: how fast that goes is not what is measured.
  while ((await client.query<{ owners: number }>(OWNERS)).rows[0]!.owners < workerCount) await sleep(20);
  const perSecond: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await client.query(FROM_THE_BEGINNING);
    const startedAt = performance.now();
    await untilLevel(client, events);
    perSecond.push((events * 1000) / (performance.now() - startedAt));
  }
  return { perSecond, rows: await rightRows(client, events) };
}

async function untilLevel(client: Client, events: number): Promise<void> {
  while ((await client.query<{ level: number }>(LEVEL, [events])).rows[0]!.level < SLICES) await sleep(20);
}

const LEVEL = `
  select count(*)::int as level from groundwork.projection_slice where projection = '${DIGESTS}' and position >= $1`;

const OWNERS = `
  select count(distinct owner)::int as owners from groundwork.projection_slice where projection = '${DIGESTS}'`;

const FROM_THE_BEGINNING = `
  begin;
  truncate bench.digest;
  update groundwork.projection_slice set position = 0 where projection = '${DIGESTS}';
  commit`;

/** A digest of all rows. */
async function rightRows(client: Client, events: number): Promise<string> {
  const { rows } = await client.query<{ counted: number; wrong: number; digest: string }>(
    `select sum(events)::int as counted, md5(string_agg(digest, '' order by stream)) as digest,
            (count(*) filter (where events <> $1 or stream_version <> $1))::int as wrong
       from bench.digest`,
    [EVENTS_PER_STREAM],
  );
  const { counted, wrong, digest } = rows[0]!;
  if (counted === events && wrong === 0) return digest;
  throw new Error(`The read model counts ${counted} of ${events} events, and ${wrong} rows are wrong.`);
}
