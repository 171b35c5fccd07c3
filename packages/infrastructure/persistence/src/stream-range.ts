// Which events of a stream a reader has asked for, where a database does not choose them.
import type { LoggedEvent, StreamRange } from '@groundwork/application';

export const isInRange = (
  { streamVersion, occurredAt }: Pick<LoggedEvent, 'streamVersion' | 'occurredAt'>,
  { fromVersion, toVersion, from, to }: StreamRange,
): boolean =>
  streamVersion >= (fromVersion ?? 1) &&
  streamVersion <= (toVersion ?? Infinity) &&
  (from === undefined || occurredAt >= from) &&
  (to === undefined || occurredAt < to);
