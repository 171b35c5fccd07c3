// What a large log costs: appends and loads at 10,000,000 events against those at 100,000.
import { randomInt } from 'node:crypto';
import { medianRatio } from './closed-loop.ts';
import { withSecondDatabase } from './bench-database.ts';
import { EVENTS_PER_STREAM, fillLog } from './filled-log.ts';
import { inProcess, resultsOf, takeTurns, type Contender } from './interleaved.ts';
import { ourStore } from './our-store.ts';
import { reachSteadyState } from './steady-state.ts';
import { StreamTickets } from './stream-tickets.ts';
import type { Appender, Loader, Suite } from './suite.ts';

const SMALL = 100_000;
const LARGE = 10_000_000;
const APPENDING = 64;
const LOADING = 16;

export const growthSuite: Suite = {
  name: 'growth',
  description:
    `appends and loads a second in a log of ${LARGE} events (--events; about 0.8 GB and 20 seconds for each million) ` +
    `against one of ${SMALL}, side by side on one server`,
  run: ({ url, events: large = LARGE, note }) =>
    withSecondDatabase(url, async (otherUrl) => {
      const sizes = [
        { url, events: large },
        { url: otherUrl, events: SMALL },
      ];
      await using opened = new AsyncDisposableStack();
      const logs: { store: Appender & Loader; events: number }[] = [];
      for (const { url: at, events } of sizes) {
        await fillLog(at, events, note);
        logs.push({ store: opened.use(await ourStore(at)), events });
      }
      await reachSteadyState(url, note);
      const appending = await takeTurns(logs.map(appends), APPENDING);
      const loading = await takeTurns(logs.map(loads), LOADING);
      const ratioOf = (windows: typeof appending): number => {
        const [atLarge, atSmall] = [...windows.values()];
        return medianRatio(atLarge!, atSmall!);
      };
      return {
        results: [...resultsOf(appending, APPENDING), ...resultsOf(loading, LOADING)],
        ratios: { appendLargeOverSmall: ratioOf(appending), loadLargeOverSmall: ratioOf(loading) },
      };
    }),
};

function appends({ store, events }: { store: Appender; events: number }): Contender {
  const tickets = new StreamTickets();
  return inProcess(
    `append at ${events} events`,
    tickets.request((stream, version) => store.append(stream, version)),
  );
}

const loads = ({ store, events }: { store: Loader; events: number }): Contender =>
  inProcess(`load at ${events} events`, async () => {
    const stream = `filled-${randomInt(1, events / EVENTS_PER_STREAM + 1)}`;
    const count = await store.load(stream);
    if (count !== EVENTS_PER_STREAM) throw new Error(`${stream} has ${count} events, not ${EVENTS_PER_STREAM}.`);
  });
