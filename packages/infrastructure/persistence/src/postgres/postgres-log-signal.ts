// The head of the log and its growth, for everybody who waits for it.
import type { LogHead, LogSignal } from '@groundwork/application';
import type { Database } from './database.ts';
import { readHead } from './postgres-event-log.ts';
import type { Signals } from './signals.ts';

export class PostgresLogSignal implements LogSignal {
  readonly #database: Database;
  readonly #signals: Signals;

  constructor(database: Database, signals: Signals) {
    this.#database = database;
    this.#signals = signals;
  }

  head(): Promise<LogHead> {
    return readHead(this.#database);
  }

  async oldestAfter(position: bigint, types: readonly string[]): Promise<Date | undefined> {
    const [row] = await this.#database.query<{ recorded_at: Date | null }>({
      name: 'oldest_unapplied',
      text: 'select groundwork.oldest_unapplied($1, $2) as recorded_at',
      values: [types, String(position)],
    });
    return row!.recorded_at ?? undefined;
  }

  waitForGrowth(timeoutMs: number, stop?: AbortSignal): Promise<void> {
    return this.#signals.wait('log', timeoutMs, stop);
  }
}
