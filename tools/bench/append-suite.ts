// Appends a second: our event store against the plain way, what the hardware gives, and other event stores.
import { figuresOf, medianRatio, percentileRatio, type Window } from './closed-loop.ts';
import { directCall } from './direct-call.ts';
import { inProcess, ratioName, resultsOf, takeTurns, type Contender } from './interleaved.ts';
import { followLog } from './log-reader.ts';
import { ourStore } from './our-store.ts';
import { pgbench } from './pgbench.ts';
import { plainFloor } from './plain-floor.ts';
import { reachSteadyState } from './steady-state.ts';
import { StreamTickets, verifyStored } from './stream-tickets.ts';
import type { Appender, Bench, Result, Suite, SuiteReport } from './suite.ts';
import { secondProcess } from './second-process.ts';

const CLIENTS = [1, 16, 64, 256];
const BATCH_CLIENTS = 8;
const BATCH_EVENTS = 100;
const PROCESS_CLIENTS = 64;

export const appendSuite: Suite = {
  name: 'append',
  description:
    'appends a second at 1, 16, 64 and 256 clients, in batches of 100, and from two processes, against ' +
    'BEGIN, read version, INSERT, COMMIT over pg, one prepared INSERT of pgbench, and (--peers) other stores',
  run: async (bench) => {
    await using opened = new AsyncDisposableStack();
    const ours = new Writer(opened.use(await ourStore(bench.url)));
    const floor = new Writer(opened.use(await plainFloor(bench.url)));
    const peers = bench.peers.map((peer) => new Writer(peer));
    const reports = [
      await singleAppends(bench, [ours, floor, ...peers]),
      await batches(bench, [ours, floor, ...peers.filter(({ name }) => name === 'emmett')]),
      await twoProcesses(bench, ours),
    ];
    for (const writer of [ours, floor, ...peers]) await writer.verify();
    bench.note('Stored equals acknowledged, and all versions are without gaps.');
    return {
      results: reports.flatMap(({ results }) => results),
      ratios: Object.assign({}, ...reports.map(({ ratios }) => ratios)) as Record<string, number>,
    };
  },
};

/** An appender, and what it acknowledged. */
class Writer {
  readonly #appender: Appender;
  readonly #tickets = new StreamTickets();
  readonly acknowledged = new Map<string, number>();

  constructor(appender: Appender) {
    this.#appender = appender;
  }

  get name(): string {
    return this.#appender.name;
  }

  /** Single appends. */
  get singles(): Contender {
    return inProcess(
      this.name,
      this.#tickets.request((stream, version) => this.#appender.append(stream, version, 1)),
    );
  }

  /** Appends of several events each. */
  batches(events: number): Contender {
    const tickets = new StreamTickets();
    const request = tickets.request((stream, version) => this.#appender.append(stream, version, events), events);
    return {
      name: `${this.name}, batches of ${events}`,
      window: async (clients, durationMs) => {
        const window = await inProcess(this.name, request).window(clients, durationMs);
        for (const [stream, version] of tickets.acknowledged) this.acknowledged.set(stream, version);
        return { ...window, perSecond: window.perSecond * events };
      },
    };
  }

  async verify(): Promise<void> {
    const acknowledged = new Map([...this.#tickets.acknowledged, ...this.acknowledged]);
    verifyStored(this.name, acknowledged, await this.#appender.stored());
  }
}

async function singleAppends(bench: Bench, writers: readonly Writer[]): Promise<SuiteReport> {
  const results: Result[] = [];
  const ratios: Record<string, number> = {};
  const [ours, ...others] = writers.map((writer) => writer.singles);
  const inserts = await pgbench(bench);
  await using direct = await directCall(bench.url);
  for (const clients of CLIENTS) {
    await reachSteadyState(bench.url, bench.note);
    const contenders = [
      ours!,
      ...others,
      ...(inserts === undefined || clients > 64 ? [] : [inserts]),
      ...(clients === 1 ? [direct.contender] : []),
    ];
    const windows = await takeTurns(contenders, clients);
    results.push(...noted(bench, windows, clients));
    for (const contender of contenders.slice(1)) {
      const [mine, theirs] = [windows.get(ours!)!, windows.get(contender)!];
      ratios[ratioName(`append${clients}`, contender.name)] = medianRatio(mine, theirs);
      if (clients === 64 && contender.name === 'emmett')
        ratios['append64P99OfEmmett'] = percentileRatio(mine, theirs, 0.99);
    }
  }
  await direct.verify();
  return { results, ratios };
}

async function batches(bench: Bench, writers: readonly Writer[]): Promise<SuiteReport> {
  await reachSteadyState(bench.url, bench.note);
  const contenders = writers.map((writer) => writer.batches(BATCH_EVENTS));
  const windows = await takeTurns(contenders, BATCH_CLIENTS);
  const [ours, ...others] = contenders;
  const ratios = others.map((other, index) => [
    ratioName(`append${BATCH_EVENTS}Events`, writers[index + 1]!.name),
    medianRatio(windows.get(ours!)!, windows.get(other)!),
  ]);
  return {
    results: noted(bench, windows, BATCH_CLIENTS),
    ratios: Object.fromEntries(ratios) as Record<string, number>,
  };
}

/** The same clients in one process and in two; meanwhile a reader that remembers one position follows. */
async function twoProcesses(bench: Bench, ours: Writer): Promise<SuiteReport> {
  await reachSteadyState(bench.url, bench.note);
  await using second = await secondProcess(bench.url);
  const { singles } = ours;
  const together: Contender = {
    name: 'groundwork, two processes',
    window: async (clients, durationMs) => {
      const windows = await Promise.all([
        singles.window(clients / 2, durationMs),
        second.window(clients / 2, durationMs),
      ]);
      return sum(windows);
    },
  };
  const alone: Contender = { ...singles, name: 'groundwork, one process' };
  const windows = await takeTurns([alone, together], PROCESS_CLIENTS);
  bench.note('Once more with both processes, and a reader of the log beside them.');
  const seen = await followLog(bench.url, () => together.window(PROCESS_CLIENTS, 2_000));
  bench.note(`The reader saw all ${seen} events, each once and in order.`);
  for (const [stream, version] of await second.acknowledged()) ours.acknowledged.set(stream, version);
  return {
    results: noted(bench, windows, PROCESS_CLIENTS),
    ratios: { append64TwoProcessesOverOne: medianRatio(windows.get(together)!, windows.get(alone)!) },
  };
}

const sum = (windows: readonly Window[]): Window => ({
  perSecond: windows.reduce((total, { perSecond }) => total + perSecond, 0),
  latenciesMs: windows.flatMap(({ latenciesMs }) => latenciesMs),
});

function noted(bench: Bench, windows: ReadonlyMap<Contender, readonly Window[]>, clients: number): Result[] {
  for (const [{ name }, measured] of windows) {
    bench.note(`${name}, ${clients} clients: ${JSON.stringify(figuresOf(measured))}`);
  }
  return resultsOf(windows, clients);
}
