// Contenders take turns in short windows, so that what else the machine does falls on all of them alike.
import { setTimeout as sleep } from 'node:timers/promises';
import { figuresOf, runWindow, type Request, type Window } from './closed-loop.ts';
import type { Result } from './suite.ts';

const ROUNDS = 5;
const WARM_UP_MS = 600;
const PAUSE_MS = 100;

export interface Contender {
  readonly name: string;
  window(clients: number, durationMs: number): Promise<Window>;
}

/** A contender whose clients run in this process. */
export const inProcess = (name: string, request: Request): Contender => ({
  name,
  window: (clients, durationMs) => runWindow(request, clients, durationMs),
});

/** The windows of each contender, the first one (to warm up) left out. */
export async function takeTurns(
  contenders: readonly Contender[],
  clients: number,
  windowMs = 800,
): Promise<ReadonlyMap<Contender, readonly Window[]>> {
  const windows = new Map<Contender, Window[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [contender, measured] of windows) {
      const window = await contender.window(clients, round === 0 ? WARM_UP_MS : windowMs);
      if (round > 0) measured.push(window);
      await sleep(PAUSE_MS);
    }
  }
  return windows;
}

/** One result for each contender. */
export const resultsOf = (windows: ReadonlyMap<Contender, readonly Window[]>, concurrency: number): Result[] =>
  [...windows].map(([{ name }, measured]) => ({ name, concurrency, ...figuresOf(measured) }));

/** `append64OverMessageDb` for `append64` and `message-db`. */
export const ratioName = (measured: string, other: string): string =>
  `${measured}Over${other.replaceAll(/(?:^|\W+)(\w)/g, (_, letter: string) => letter.toUpperCase())}`;
