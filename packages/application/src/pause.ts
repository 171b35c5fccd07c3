// A wait that ends early when it is told to.

/** Resolves after `ms`, or at once when `stop` is aborted. It never rejects. */
export function pause(ms: number, stop?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (stop?.aborted === true) return resolve();
    const over = (): void => {
      clearTimeout(timer);
      stop?.removeEventListener('abort', over);
      resolve();
    };
    const timer = setTimeout(over, ms);
    stop?.addEventListener('abort', over, { once: true });
  });
}
