// The log, page by page, read ahead of whoever uses it.
import type { EventLog, LogPage, LogRead } from '../ports/event-log.ts';

/** So many are read at a time: while the first arrives and is unpacked, the database makes the second. */
const READS_AT_ONCE = 2;

interface Asked {
  readonly read: LogRead;
  readonly page: Promise<LogPage>;
}

/**
 * The pages behind `after`, up to where the log ends. Two are read ahead, so that three are held in memory; only one
 * where it cannot be told how far a page will reach.
 */
export async function* pagesAhead(log: EventLog, read: LogRead): AsyncGenerator<LogPage, void, void> {
  const ask = (next: LogRead): Asked => ({ read: next, page: quietly(log.read(next)) });
  let asked = [ask(read)];
  for (let readTo = read.after; ;) {
    const [current, ...others] = asked as [Asked, ...Asked[]];
    const page = await current.page;
    if (page.readTo <= readTo) return;
    ({ readTo } = page);
    // A page that ended early leaves a gap before the one that was asked for behind its end.
    asked = others[0]?.read.after === readTo ? others : [];
    if (!page.isLast) {
      const window = windowLike(page, current.read);
      while (asked.length < READS_AT_ONCE) {
        const after = asked.length === 0 ? readTo : asked.at(-1)!.read.upTo;
        if (after === undefined) break;
        asked.push(ask({ ...read, after, ...(window !== undefined && { upTo: after + window }) }));
      }
    }
    yield page;
    if (page.isLast) return;
  }
}

/** How many positions the next page may hold without being cut; undefined where this one tells nothing about it. */
function windowLike({ events, readTo }: LogPage, { after, upTo, limit }: LogRead): bigint | undefined {
  const looked = Number(readTo - after);
  if (events.length === looked) return events.length === limit || readTo === upTo ? BigInt(limit) : undefined;
  // A tenth less than would fill it: where matches are not spread evenly, most pages still keep within their window.
  const isTelling = events.length === limit || (readTo === upTo && events.length > limit / 2);
  return isTelling ? BigInt(Math.ceil((0.9 * limit * looked) / events.length)) : undefined;
}

/** A fault of a page is thrown when the page is asked for, which it may never be. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
