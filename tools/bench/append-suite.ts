// Appends a second: our event store against the plain transaction that one would write without it.
import { setTimeout as sleep } from 'node:timers/promises';
import { figuresOf, medianRatio, runWindow, type Window } from './closed-loop.ts';
import { ourStore } from './our-store.ts';
import { plainFloor } from './plain-floor.ts';
import { reachSteadyState } from './steady-state.ts';
import { StreamTickets } from './stream-tickets.ts';
import type { Result, Suite } from './suite.ts';

/** A way to append one event to a stream at an expected version. */
export interface Contender extends AsyncDisposable {
  readonly name: string;
  append(stream: string, expectedVersion: number): Promise<void>;
  /** Events by stream, as the database has them: how many there are and their highest version. */
  stored(): Promise<ReadonlyMap<string, { readonly count: number; readonly version: number }>>;
}

const CLIENTS = [1, 16, 64, 256];
const ROUNDS = 5;
const WINDOW_MS = 800;
const WARM_UP_MS = 600;
const PAUSE_MS = 100;

export const appendSuite: Suite = {
  name: 'append',
  description: 'appends a second at 1, 16, 64 and 256 clients, against BEGIN, read version, INSERT, COMMIT over pg',
  run: async (url, note) => {
    await using contenders = new AsyncDisposableStack();
    const ours = contenders.use(await ourStore(url));
    const floor = contenders.use(await plainFloor(url));
    const tickets = new Map([ours, floor].map((contender) => [contender, new StreamTickets()]));
    const results: Result[] = [];
    const ratios: Record<string, number> = {};
    for (const clients of CLIENTS) {
      await reachSteadyState(url, note);
      const windows = new Map<Contender, Window[]>([
        [ours, []],
        [floor, []],
      ]);
      for (let round = 0; round <= ROUNDS; round++) {
        for (const [contender, measured] of windows) {
          const request = tickets.get(contender)!.request((stream, version) => contender.append(stream, version));
          const window = await runWindow(request, clients, round === 0 ? WARM_UP_MS : WINDOW_MS);
          if (round > 0) measured.push(window);
          await sleep(PAUSE_MS);
        }
      }
      for (const [contender, measured] of windows) {
        const figures = figuresOf(measured);
        results.push({ name: contender.name, concurrency: clients, ...figures });
        note(`${contender.name}, ${clients} clients: ${JSON.stringify(figures)}`);
      }
      ratios[`append${clients}OverFloor`] = medianRatio(windows.get(ours)!, windows.get(floor)!);
    }
    for (const [contender, acknowledged] of tickets) acknowledged.verify(contender.name, await contender.stored());
    note('Stored equals acknowledged, and all versions are without gaps.');
    return { results, ratios };
  },
};
