// Waits until the process is told to stop, and sees to it that it then does.

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;
// A terminal and a parent process may both pass the same Ctrl-C on; only a person presses it again later.
const IMPATIENT_AFTER_MS = 1_500;

/** The part of `process` that is used. */
export interface StoppableProcess {
  on(signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void): unknown;
  exit(code: number): void;
}

/**
 * Resolves with the first SIGTERM or SIGINT. From then on the process has `graceMs` to end by itself: after that, or
 * at a second signal, it is ended with exit code 1.
 */
export function untilStopped(graceMs: number, host: StoppableProcess = process): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let stoppedAtMs: number | undefined;
    const stop = (signal: NodeJS.Signals): void => {
      const nowMs = performance.now();
      if (stoppedAtMs === undefined) {
        stoppedAtMs = nowMs;
        setTimeout(() => host.exit(1), graceMs).unref();
        resolve(signal);
      } else if (nowMs - stoppedAtMs > IMPATIENT_AFTER_MS) {
        host.exit(1);
      }
    };
    for (const signal of STOP_SIGNALS) host.on(signal, stop);
  });
}
