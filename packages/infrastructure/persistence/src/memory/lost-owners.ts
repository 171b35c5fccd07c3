// What the memory twin knows about owners that were lost: the same as the columns of `projection_slice`.

export interface Losses {
  position: bigint;
  epoch: number;
  /** So many owners in a row were lost at `lostAt`, or while in an epoch of their own they tried one event alone. */
  ownersLost: number;
  lostAt: bigint | undefined;
  suspect: bigint | undefined;
  trialEpoch: number | undefined;
}

export const NO_LOSSES = { ownersLost: 0, lostAt: undefined, suspect: undefined, trialEpoch: undefined } as const;

/** An owner that did not give the slice free is lost: over the event that it tried alone, or somewhere behind here. */
export function countLostOwner(slice: Losses): void {
  const { suspect, position, ownersLost, lostAt, trialEpoch, epoch } = slice;
  const isSuspect = suspect !== undefined && suspect > position;
  if (isSuspect) slice.ownersLost += trialEpoch === epoch ? 1 : 0;
  else slice.ownersLost = lostAt === position ? ownersLost + 1 : 1;
  slice.suspect = isSuspect ? suspect : undefined;
  slice.lostAt = position;
}
