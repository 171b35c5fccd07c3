// The log, page by page, read ahead of whoever uses it.
import type { EventLog, LogPage, LogRead } from '../ports/event-log.ts';

interface Asked {
  readonly read: LogRead;
  readonly page: Promise<LogPage>;
}

/**
 * The pages behind `after`, up to where the log ends. The next one is read while a page is used. Whoever comes back for
 * it gets one more ahead, which the database makes while the next one arrives and is unpacked; where it cannot be told
 * how far a page will reach, there is no such one. Three pages at most are held in memory.
 */
export async function* pagesAhead(log: EventLog, read: LogRead): AsyncGenerator<LogPage, void, void> {
  const ask = (after: bigint, window?: bigint): Asked => {
    const next = { ...read, after, ...(window !== undefined && { upTo: after + window }) };
    return { read: next, page: quietly(log.read(next)) };
  };
  let [current, next]: [Asked, Asked | undefined] = [ask(read.after), undefined];
  for (let readTo = read.after; ;) {
    const page = await current.page;
    if (page.readTo <= readTo) return;
    ({ readTo } = page);
    const window = windowLike(page, current.read);
    if (page.isLast) return yield page;
    // A page that ended early leaves a gap before the one that was asked for behind its end.
    current = next?.read.after === readTo ? next : ask(readTo, window);
    yield page;
    const { upTo } = current.read;
    next = upTo === undefined ? undefined : ask(upTo, window);
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
