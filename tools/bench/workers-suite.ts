// What further workers bring where handlers wait for others: commands a second by one worker, and by three.
import { CommandStore, ExactJson, Ids } from '@groundwork/application';
import { Client } from 'pg';
import { percentile, rounded } from './closed-loop.ts';
import { composed, STREAM_TYPE, TENANT } from './our-store.ts';
import type { Suite } from './suite.ts';
import { SERVICE_MS, WAITING_COMMAND, WAITING_PERMISSION } from './waiting-handler.module.ts';
import { COMMANDS_AT_ONCE, workerProcess } from './worker-process.ts';

const WORKERS = 3;
const ROUNDS = 3;
const COMMANDS = 120;
const STREAMS = 40;

export const workersSuite: Suite = {
  name: 'workers',
  description: `commands whose handler waits ${SERVICE_MS} ms for a service, run by ${WORKERS} workers against one`,
  run: async ({ url, note }) => {
    const rounds: Rates[] = [];
    for (let round = 1; round <= ROUNDS; round++) rounds.push(await oneAndMore(url, COMMANDS, note));
    const median = (of: (round: Rates) => number): number =>
      percentile(
        rounds.map(of).sort((a, b) => a - b),
        0.5,
      );
    const result = (name: string, workers: number, perSecond: number) => ({
      name,
      concurrency: workers * COMMANDS_AT_ONCE,
      perSecond: rounded(perSecond),
      p50Ms: null,
      p99Ms: null,
    });
    note('Each command had its effect once, and each stream has its events in the order of acceptance.');
    return {
      results: [
        result(
          '1 worker',
          1,
          median(({ one }) => one),
        ),
        result(
          `${WORKERS} workers`,
          WORKERS,
          median(({ more }) => more),
        ),
      ],
      ratios: { threeWorkersOverOne: rounded(median(({ one, more }) => more / one)) },
    };
  },
};

/** Commands a second. */
export interface Rates {
  readonly one: number;
  readonly more: number;
}

/** The same commands by one worker, then by three, each in a process of its own; throws when any effect is wrong. */
export async function oneAndMore(url: string, commandCount: number, note: (line: string) => void): Promise<Rates> {
  const one = await commandsPerSecond(url, 1, commandCount);
  const more = await commandsPerSecond(url, WORKERS, commandCount);
  note(`1 worker ${rounded(one)}/s, ${WORKERS} workers ${rounded(more)}/s`);
  return { one, more };
}

async function commandsPerSecond(url: string, workerCount: number, commandCount: number): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const group = `of-${workerCount}-${Date.now()}`;
  try {
    await using stack = new AsyncDisposableStack();
    const workers = await Promise.all(Array.from({ length: workerCount }, () => workerProcess(url)));
    for (const worker of workers) stack.use(worker);
    await accept(url, group, commandCount);
    const startedAt = performance.now();
    for (const worker of workers) worker.begin();
    while ((await client.query(OPEN)).rows.length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const perSecond = (commandCount * 1000) / (performance.now() - startedAt);
    await refuseWrongEffects(client, group, commandCount);
    return perSecond;
  } finally {
    await client.end();
  }
}

const OPEN = `select from groundwork.command where status in ('pending', 'consumed') limit 1`;

/** Number by number, in turns to all streams; the commands of a stream share an order key. */
async function accept(url: string, group: string, commandCount: number): Promise<void> {
  await using api = await composed(url, 'api');
  const [store, ids] = [api.get(CommandStore), api.get(Ids)];
  for (let n = 0; n < commandCount; n++) {
    const stream = `${group}-${n % STREAMS}`;
    await store.accept({
      id: ids.next(),
      tenant: TENANT,
      type: WAITING_COMMAND,
      payload: new ExactJson(JSON.stringify({ stream, number: Math.floor(n / STREAMS) + 1 })),
      orderKeys: [stream],
      idempotencyKey: undefined,
      fingerprint: '',
      actor: { subject: 'bench', permissions: [WAITING_PERMISSION] },
      correlationId: group,
    });
  }
}

async function refuseWrongEffects(client: Client, group: string, commandCount: number): Promise<void> {
  const { rows } = await client.query<{ events: number; out_of_order: number }>(EFFECTS, [STREAM_TYPE, `${group}-%`]);
  const { events, out_of_order: outOfOrder } = rows[0]!;
  if (events === commandCount && outOfOrder === 0) return;
  throw new Error(`${commandCount} commands led to ${events} events, and ${outOfOrder} are not where they should be.`);
}

const EFFECTS = `
  select count(*)::int as events,
         (count(*) filter (where (e.data::jsonb ->> 'number')::int <> e.stream_version))::int as out_of_order
    from groundwork.event e join groundwork.stream s using (stream_id)
   where s.type = $1 and s.id like $2`;
