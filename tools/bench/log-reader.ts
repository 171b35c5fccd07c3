// A reader beside the writers, which remembers one position and must miss nothing.
import type { EventLog } from '@groundwork/application';
import { BENCH_EVENT_TYPE } from './bench.module.ts';
import { ourLog } from './our-store.ts';

const PAGE_EVENTS = 1_000;

/** Follows the log from its end while `work` is done, and to its new end; throws when an event is missing. */
export async function followLog(url: string, work: () => Promise<unknown>): Promise<number> {
  await using opened = await ourLog(url);
  const { log } = opened;
  const start = (await log.head()).position;
  let isDone = false;
  const working = work().finally(() => (isDone = true));
  let after = start;
  for (let wasDone = false; ; wasDone = isDone) {
    const end = await followed(log, after);
    if (wasDone && end === after) break;
    after = end;
  }
  await working;
  const { position: head } = await log.head();
  if (after !== head) throw new Error(`The reader ended at position ${after} of ${head}.`);
  return Number(head - start);
}

/** Reads one page behind `after`; positions have no gaps, so each must be the next. */
async function followed(log: EventLog, after: bigint): Promise<bigint> {
  const page = await log.read({ after, limit: PAGE_EVENTS, types: [BENCH_EVENT_TYPE] });
  let expected = after;
  for (const { position } of page.events) {
    if (position !== ++expected) throw new Error(`The reader saw position ${position} where ${expected} was to come.`);
  }
  return expected;
}
