// What further workers bring: commands whose handler waits for others, and events whose handler computes.
import { CommandStore, ExactJson, Ids } from '@groundwork/application';
import { Client } from 'pg';
import { withSecondDatabase } from './bench-database.ts';
import { percentile, rounded } from './closed-loop.ts';
import { composed, STREAM_TYPE, TENANT } from './our-store.ts';
import { projectedByOneAndMore, type Rates } from './projecting-workers.ts';
import type { Result, Suite } from './suite.ts';
import { SERVICE_MS, WAITING_COMMAND, WAITING_PERMISSION } from './waiting-handler.module.ts';
import { COMMANDS_AT_ONCE, workerProcess } from './worker-process.ts';

const WORKERS = 3;
const ROUNDS = 3;
const COMMANDS = 120;
const STREAMS = 40;

const EVENTS = 20_000;

export const workersSuite: Suite = {
  name: 'workers',
  description:
    `by ${WORKERS} workers against one: commands whose handler waits ${SERVICE_MS} ms for a service, and a read model ` +
    'whose handler computes',
  run: async ({ url, note, events = EVENTS }) => {
    const waiting: Rates[] = [];
    for (let round = 1; round <= ROUNDS; round++) waiting.push(await oneAndMore(url, COMMANDS, note));
    note('Each command had its effect once, and each stream has its events in the order of acceptance.');
    const computing = await withSecondDatabase(url, (other) =>
      projectedByOneAndMore(other, { events, rounds: ROUNDS, workers: WORKERS, note }),
    );
    note('Each event was applied once, in the order of its stream, by whatever worker.');
    return {
      results: [
        ...resultsOf('commands', COMMANDS_AT_ONCE, waiting),
        ...resultsOf('events of a projection', 1, computing),
      ],
      ratios: {
        threeWorkersOverOne: rounded(medianOf(waiting, ({ one, more }) => more / one)),
        threeWorkersOverOneProjecting: rounded(medianOf(computing, ({ one, more }) => more / one)),
      },
    };
  },
};

const resultsOf = (what: string, concurrency: number, rounds: readonly Rates[]): readonly Result[] =>
  [
    { name: `${what}, 1 worker`, workers: 1, perSecond: medianOf(rounds, ({ one }) => one) },
    { name: `${what}, ${WORKERS} workers`, workers: WORKERS, perSecond: medianOf(rounds, ({ more }) => more) },
  ].map(({ name, workers, perSecond }) => ({
    name,
    concurrency: workers * concurrency,
    perSecond: rounded(perSecond),
    p50Ms: null,
    p99Ms: null,
  }));

const medianOf = (rounds: readonly Rates[], of: (round: Rates) => number): number =>
  percentile(
    rounds.map(of).sort((a, b) => a - b),
    0.5,
  );

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
    const workers = await Promise.all(Array.from({ length: workerCount }, () => workerProcess(url, 'commands')));
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
