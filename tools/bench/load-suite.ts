// Loads a second: streams of 10, 100 and 1,000 events, payloads parsed.
import { figuresOf, medianRatio } from './closed-loop.ts';
import { inProcess, ratioName, resultsOf, takeTurns, type Contender } from './interleaved.ts';
import { ourStore } from './our-store.ts';
import { preparedSelect } from './prepared-select.ts';
import type { Appender, Bench, Loader, Result, Suite } from './suite.ts';

/** The streams that are loaded from snapshots, too. */
const WITH_SNAPSHOT = 1_000;
/** Events of a stream, and how many streams. */
const STREAMS = [
  [10, 200],
  [100, 40],
  [1_000, 8],
] as const;
const CLIENTS = [1, 16];
type OurStore = Awaited<ReturnType<typeof ourStore>>;
const EVENTS_PER_APPEND = 10;

export const loadSuite: Suite = {
  name: 'load',
  description:
    'loads a second of streams of 10, 100 and 1,000 events, against a prepared SELECT of the same rows, against loads ' +
    'from snapshots and (--peers) other stores',
  run: async (bench) => {
    await using opened = new AsyncDisposableStack();
    const ours = opened.use(await ourStore(bench.url));
    const floor = opened.use(await preparedSelect(bench.url));
    const results: Result[] = [];
    const ratios: Record<string, number> = {};
    const loaders = [ours, floor, ...bench.peers];
    for (const [length, count] of STREAMS) {
      const streams = Array.from({ length: count }, (_, index) => nameOf(length, index));
      for (const store of [ours, ...bench.peers]) await fill(store, streams, length, bench);
      const contenders = loaders.map((loader) => loads(loader, streams, length));
      const snapshots = length === WITH_SNAPSHOT ? [await loadsFromSnapshots(ours, count, length, bench)] : [];
      for (const clients of CLIENTS) {
        const windows = await takeTurns([...contenders, ...snapshots], clients);
        for (const snapshot of snapshots) {
          ratios[`load${length}Events${clients}ClientsFromSnapshotOverAll`] = medianRatio(
            windows.get(snapshot)!,
            windows.get(contenders[0]!)!,
          );
        }
        for (const [index, contender] of contenders.entries()) {
          const measured = windows.get(contender)!;
          bench.note(`${contender.name}, ${clients} clients: ${JSON.stringify(figuresOf(measured))}`);
          if (index === 0) continue;
          const name = ratioName(`load${length}Events${clients}Clients`, loaders[index]!.name);
          ratios[name] = medianRatio(windows.get(contenders[0]!)!, measured);
        }
        results.push(...resultsOf(windows, clients));
      }
    }
    return { results, ratios };
  },
};

/** Streams of their own, whose last ten events stand behind the snapshot. */
async function loadsFromSnapshots(ours: OurStore, count: number, length: number, bench: Bench): Promise<Contender> {
  const streams = Array.from({ length: count }, (_, index) => nameOf(length, index, 'b'));
  await fill(ours, streams, length - 2 * EVENTS_PER_APPEND, bench);
  for (const stream of streams) {
    await ours.fromSnapshot.appendWithSnapshot(stream, length - 2 * EVENTS_PER_APPEND, EVENTS_PER_APPEND);
    await ours.append(stream, length - EVENTS_PER_APPEND, EVENTS_PER_APPEND);
  }
  return loads(ours.fromSnapshot, streams, length);
}

/** Version 4 UUIDs, told apart by kind, length and number. */
const nameOf = (length: number, index: number, kind = '8'): string =>
  `00000000-0000-4000-${kind}000-${length.toString(16).padStart(6, '0')}${index.toString(16).padStart(6, '0')}`;

async function fill(store: Appender, streams: readonly string[], length: number, { note }: Bench): Promise<void> {
  note(`${store.name}: ${streams.length} streams of ${length} events are written.`);
  await Promise.all(
    streams.map(async (stream) => {
      for (let version = 0; version < length; version += EVENTS_PER_APPEND) {
        await store.append(stream, version, EVENTS_PER_APPEND);
      }
    }),
  );
}

/** Loads of random streams; one that is not read whole ends the run. */
const loads = (loader: Loader, streams: readonly string[], length: number): Contender =>
  inProcess(`${loader.name}, ${length} events`, async () => {
    const stream = streams[Math.floor(Math.random() * streams.length)]!;
    const count = await loader.load(stream);
    if (count !== length) throw new Error(`${loader.name} read ${count} of ${length} events of ${stream}.`);
  });
