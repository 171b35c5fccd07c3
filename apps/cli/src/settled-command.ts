// What became of a command that the api has accepted.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from './api-client.ts';

export interface CommandState {
  readonly id: string;
  readonly status: 'pending' | 'consumed' | 'processed' | 'failed';
  readonly result?: Readonly<Record<string, unknown>> | null;
  readonly error?: { readonly code: string; readonly message: string; readonly next?: string } | null;
}

const POLL_MS = 100;
const WAIT_MAX_MS = 30_000;

/** The command when it has come to its end, or as it is after half a minute. */
export async function settled(api: ApiClient, id: string): Promise<CommandState> {
  const deadline = Date.now() + WAIT_MAX_MS;
  for (;;) {
    const command = await api.get<CommandState>(`/v1/commands/${id}`);
    if (command.status === 'processed' || command.status === 'failed' || Date.now() > deadline) return command;
    await sleep(POLL_MS);
  }
}
