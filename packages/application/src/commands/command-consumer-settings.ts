// What can be set about the loop over stored commands.
import type { CommandRetryPolicy } from './command-retry.ts';

/** The policy is for commands whose handlers have none of their own. */
export interface CommandConsumerSettings extends CommandRetryPolicy {
  /** Names this process among all that run commands. */
  readonly owner: string;
  readonly concurrencyMax: number;
  /** So long after the last sign of life another worker runs again what this one held. */
  readonly leaseMs: number;
  readonly pollIntervalMs: number;
  readonly reportIntervalMs: number;
}

export const COMMAND_CONSUMER_DEFAULTS: Omit<CommandConsumerSettings, 'owner'> = {
  concurrencyMax: 32,
  leaseMs: 60_000,
  attemptsMax: 10,
  pollIntervalMs: 500,
  retryDelayMs: 100,
  retryDelayMaxMs: 60_000,
  reportIntervalMs: 1_000,
};
