// Work that may take longer than a lease.
import { pause } from '../pause.ts';

/** Renews three times in each lease until the work is over: as long as it is waited for, nothing is given away. */
export async function whileRenewed<T>(work: () => Promise<T>, leaseMs: number, renew: () => Promise<void>): Promise<T> {
  const over = new AbortController();
  const renewed = (async () => {
    for (;;) {
      await pause(leaseMs / 3, over.signal);
      if (over.signal.aborted) return;
      await renew();
    }
  })();
  try {
    return await work();
  } finally {
    over.abort();
    await renewed;
  }
}
