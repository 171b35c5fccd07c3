// Who waits for something new is told, without having to ask.
import { port } from '../port.ts';

/** What may have grown: the log of events, or the stored commands. */
export type ChangeChannel = 'log' | 'commands';

export interface ChangeNotifications {
  /**
   * Resolves when something may have been added, after `timeoutMs`, or when `stop` is aborted. A notification carries a
   * position at most, and only shortens a wait: it may come late, twice, or not at all, so look after every return.
   */
  wait(channel: ChangeChannel, timeoutMs: number, stop?: AbortSignal): Promise<void>;
}
export const ChangeNotifications = port<ChangeNotifications>('ChangeNotifications');
