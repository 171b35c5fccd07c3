// Waiting for a condition instead of a time.

const RETRY_MS = 5;

/** The first value of `look` that is not undefined or false; after `timeoutMs` its last error, or a time-out. */
export async function eventually<T>(
  look: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 10_000,
): Promise<T> {
  const endsAt = performance.now() + timeoutMs;
  for (;;) {
    const isOver = performance.now() >= endsAt;
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
    } catch (error) {
      if (isOver) throw error;
    }
    if (isOver) throw new Error(`The condition did not come true within ${timeoutMs} ms.`);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}
