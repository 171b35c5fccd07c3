// The log, page by page, each read while the one before it is being used.
import type { EventLog, LogPage, LogRead } from '../ports/event-log.ts';

/** The pages behind `after`, up to where the log ends. One page is read ahead: two are held in memory. */
export async function* pagesAhead(log: EventLog, { after, ...read }: LogRead): AsyncGenerator<LogPage, void, void> {
  let next = log.read({ ...read, after });
  for (let readTo = after; ;) {
    const page = await next;
    if (page.readTo <= readTo) return;
    ({ readTo } = page);
    if (!page.isLast) next = quietly(log.read({ ...read, after: readTo }));
    yield page;
    if (page.isLast) return;
  }
}

/** A fault of a page is thrown when the page is asked for, which it may never be. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
