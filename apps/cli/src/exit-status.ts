// What the exit status of `gw` means to scripts.
export const EXIT = { ok: 0, failed: 1, usage: 2, problemFound: 3, unreachable: 4 } as const;
