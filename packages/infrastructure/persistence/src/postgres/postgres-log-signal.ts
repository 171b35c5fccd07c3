// The head of the log and its growth, for everybody who waits for it.
import type { TenantId } from '@groundwork/domain';
import type { EventTypes, LogHead, LogSignal, TenantBacklog } from '@groundwork/application';
import type { Database } from './database.ts';
import { readHead } from './postgres-event-log.ts';
import type { Signals } from './signals.ts';

export class PostgresLogSignal implements LogSignal {
  readonly #database: Database;
  readonly #types: EventTypes;
  readonly #signals: Signals;

  constructor(database: Database, types: EventTypes, signals: Signals) {
    this.#database = database;
    this.#types = types;
    this.#signals = signals;
  }

  head(): Promise<LogHead> {
    return readHead(this.#database);
  }

  async oldestAfter(position: bigint, types: readonly string[]): Promise<Date | undefined> {
    const [row] = await this.#database.query<{ recorded_at: Date | null }>({
      name: 'oldest_unapplied',
      text: 'select groundwork.oldest_unapplied($1, $2) as recorded_at',
      values: [this.#types.storedAs(types), String(position)],
    });
    return row!.recorded_at ?? undefined;
  }

  async backlogOf(tenant: TenantId, position: bigint, types: readonly string[]): Promise<TenantBacklog> {
    const [row] = await this.#database.transaction(tenant, ({ query }) =>
      query<{ events: number; oldest_at: Date | null }>({
        name: 'tenant_backlog',
        text: BACKLOG,
        values: [tenant, String(position), this.#types.storedAs(types)],
      }),
    );
    return { events: row!.events, oldestAt: row!.oldest_at ?? undefined };
  }

  waitForGrowth(timeoutMs: number, stop?: AbortSignal): Promise<void> {
    return this.#signals.wait('log', timeoutMs, stop);
  }
}

// One look into the index for each type: however many events of other types there are, none is read.
const BACKLOG = `
  select (select count(*)::int from groundwork.event where tenant = $1 and position > $2) as events,
         (select min(first.recorded_at) from unnest($3::text[]) as wanted (type) cross join lateral (
            select e.recorded_at from groundwork.event e
             where e.tenant = $1 and e.type = wanted.type and e.position > $2
             order by e.position limit 1) first) as oldest_at`;
