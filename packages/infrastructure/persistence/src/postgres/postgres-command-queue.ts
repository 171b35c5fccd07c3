// Commands in PostgreSQL, as the worker takes them.
import {
  ATTEMPTS_IN_COMPANY_MAX,
  type CommandBacklog,
  type CommandQueue,
  type StoredCommand,
} from '@groundwork/application';
import type { Database } from './database.ts';
import { commandOf, type CommandRow } from './postgres-command-store.ts';
import type { Signals } from './signals.ts';

export class PostgresCommandQueue implements CommandQueue {
  readonly #database: Database;
  readonly #signals: Signals;

  constructor(database: Database, signals: Signals) {
    this.#database = database;
    this.#signals = signals;
  }

  async claim(owner: string, limit: number, leaseMs: number): Promise<readonly StoredCommand[]> {
    const rows = await this.#database.transaction(undefined, (transaction) =>
      transaction.query<CommandRow>({
        name: 'claim_commands',
        text: 'select * from groundwork.claim_commands($1, $2, $3, $4, $5)',
        values: [owner, this.#signals.lifeline ?? null, limit, leaseMs, ATTEMPTS_IN_COMPANY_MAX],
      }),
    );
    return rows.map(commandOf);
  }

  async renew(owner: string, leaseMs: number): Promise<void> {
    await this.#database.query({
      name: 'renew_commands',
      text: 'select groundwork.renew_commands($1, $2, $3)',
      values: [owner, this.#signals.lifeline ?? null, Math.round(leaseMs)],
    });
  }

  async putBack({ tenant, id }: StoredCommand, owner: string, delayMs: number): Promise<void> {
    await this.#database.transaction(tenant, (transaction) =>
      transaction.query({ name: 'put_back_command', text: PUT_BACK, values: [tenant, id, owner, delayMs] }),
    );
    this.#signals.announce('commands');
  }

  async backlog(): Promise<CommandBacklog> {
    const [row] = await this.#database.query<{ open: string; oldest_accepted_at: Date | null }>({
      name: 'command_backlog',
      text: 'select * from groundwork.command_backlog()',
    });
    return { open: Number(row!.open), oldestAcceptedAt: row!.oldest_accepted_at ?? undefined };
  }

  waitForCommands(timeoutMs: number, stop?: AbortSignal): Promise<void> {
    return this.#signals.wait('commands', timeoutMs, stop);
  }
}

const PUT_BACK = `
  update groundwork.command
     set status = 'pending', owner = null, lease_until = null, attempts = attempts - 1, updated_at = clock_timestamp(),
         available_at = clock_timestamp() + $4 * interval '1 ms'
   where tenant = $1 and command_id = $2 and owner = $3 and status = 'consumed'`;
