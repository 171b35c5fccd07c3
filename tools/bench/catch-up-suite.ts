// Events a second that a new subscriber reads from the beginning of the log to its end.
import { pagesAhead, PROJECTION_RUNNER_DEFAULTS, type EventLog } from '@groundwork/application';
import { BENCH_EVENT_TYPE } from './bench.module.ts';
import { figuresOf, medianRatio, rounded, type Window } from './closed-loop.ts';
import { copyOut } from './copy-out.ts';
import { EVENTS_PER_STREAM, fillLog } from './filled-log.ts';
import { ratioName } from './interleaved.ts';
import { ourLog } from './our-store.ts';
import { messageDbCategory } from './peers/message-db.ts';
import type { Bench, Suite } from './suite.ts';

const EVENTS = 1_000_000;
const ROUNDS = 3;
const PAGE_EVENTS = PROJECTION_RUNNER_DEFAULTS.batchSizeMax;

/** Reads a whole log; throws when an event is missing or out of order. */
interface Subscriber {
  readonly name: string;
  read(): Promise<void>;
}

export const catchUpSuite: Suite = {
  name: 'catch-up',
  description:
    `events a second of a subscription that reads a log of ${EVENTS} (--events) from its beginning, against the bytes ` +
    'of COPY … TO STDOUT and (--peers) message-db',
  run: async (bench) => {
    const eventCount = bench.events ?? EVENTS;
    await fillLog(bench.url, eventCount, bench.note);
    await using opened = new AsyncDisposableStack();
    const { log } = opened.use(await ourLog(bench.url));
    const memory = new MemoryMarks(eventCount);
    const ours = { name: 'groundwork', read: () => subscribe(log, eventCount, memory) };
    const others = [...copies(bench.url), ...(await messageDbs(bench, eventCount))];
    const windows = new Map<Subscriber, Window[]>([ours, ...others].map((subscriber) => [subscriber, []]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const [subscriber, measured] of windows) {
        const perSecond = await rateOf(subscriber, eventCount);
        bench.note(`${subscriber.name}: ${Math.round(perSecond)} events a second`);
        measured.push({ perSecond, latenciesMs: [] });
      }
    }
    bench.note('Every event was read once, in order.');
    const ratios = others.map((other) => [
      ratioName('catchUp', other.name),
      medianRatio(windows.get(ours)!, windows.get(other)!),
    ]);
    return {
      results: [...windows].map(([{ name }, measured]) => ({ name, concurrency: 1, ...figuresOf(measured) })),
      ratios: { ...Object.fromEntries(ratios), memoryAtEndOverQuarter: memory.growth } as Record<string, number>,
    };
  },
};

/** What a projection does before it applies anything. */
async function subscribe(log: EventLog, eventCount: number, memory: MemoryMarks): Promise<void> {
  let last = 0n;
  for await (const { events } of pagesAhead(log, { after: 0n, limit: PAGE_EVENTS, types: [BENCH_EVENT_TYPE] })) {
    for (const { position, streamVersion, stream } of events) {
      if (position !== ++last) throw new Error(`Position ${position} came where ${last} was to come.`);
      if (streamVersion > EVENTS_PER_STREAM || stream.id === '') throw new Error(`Position ${position} was bent.`);
    }
    memory.note(Number(last));
  }
  if (Number(last) !== eventCount) throw new Error(`The subscription ended at position ${last} of ${eventCount}.`);
}

/** The table as it lies there, and what a subscriber is told: in order, with the name of its stream. */
const copies = (url: string): Subscriber[] => [
  { name: 'COPY', read: () => copied(url, 'groundwork.event') },
  {
    name: 'COPY of the same rows in order',
    read: () =>
      copied(
        url,
        `(select e.position, e.tenant, s.type, s.id, e.stream_version, e.event_id, e.type, e.schema_version, e.source,
                 e.occurred_at, e.recorded_at, e.metadata, e.validation, e.data
            from groundwork.event e join groundwork.stream s using (stream_id) order by e.position)`,
      ),
  },
];

async function copied(url: string, what: string): Promise<void> {
  if ((await copyOut(url, `copy ${what} to stdout`)) === 0) throw new Error('COPY gave nothing.');
}

async function messageDbs({ peers, note }: Bench, eventCount: number): Promise<Subscriber[]> {
  const peer = peers.find(({ name }) => name === 'message-db');
  return peer === undefined ? [] : [await messageDbCategory(peer.url, eventCount, note)];
}

async function rateOf(subscriber: Subscriber, eventCount: number): Promise<number> {
  const startedAt = performance.now();
  await subscriber.read();
  return (eventCount * 1000) / (performance.now() - startedAt);
}

/** How much memory the process holds after a quarter of the log and at its end. */
class MemoryMarks {
  readonly #eventCount: number;
  #quarterBytes = 0;
  #endBytes = 0;

  constructor(eventCount: number) {
    this.#eventCount = eventCount;
  }

  note(read: number): void {
    if (read <= this.#eventCount / 4) this.#quarterBytes = process.memoryUsage.rss();
    this.#endBytes = process.memoryUsage.rss();
  }

  get growth(): number {
    return rounded(this.#endBytes / this.#quarterBytes);
  }
}
