// TypeORM's rows, alone or together with the events that announce them.
import type { Append, Appended, EventTypes } from '@groundwork/application';
import type { EntityManager } from 'typeorm';
import type { TenantDatabase } from '../tenant-database.ts';
import { appendBatch } from './append-statement.ts';
import type { Database } from './database.ts';
import { InlineProjections } from './inline-rows.ts';
import { appendedOrThrown, prepareAppend } from './postgres-event-store.ts';
import type { Signals } from './signals.ts';

export class PostgresTenantDatabase implements TenantDatabase {
  readonly #database: Database;
  readonly #types: EventTypes;
  readonly #signals: Signals;

  readonly #inline: InlineProjections;

  constructor(database: Database, types: EventTypes, signals: Signals, inline = new InlineProjections([], types)) {
    this.#inline = inline;
    this.#database = database;
    this.#types = types;
    this.#signals = signals;
  }

  within<T>(tenant: string, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.#database.withEntities(tenant, work);
  }

  async appendWith(append: Append, work: (manager: EntityManager) => Promise<unknown>): Promise<Appended> {
    const prepared = prepareAppend(append, this.#types);
    let appended: Appended | undefined;
    try {
      await this.#database.withEntities(append.tenant, work, async (query) => {
        const placed = this.#inline.concern(prepared)
          ? await this.#inline.storeRows(query, prepared)
          : { append: prepared, checkIds: false };
        await query(BOUND_PAUSE);
        const { verdicts } = await appendBatch(query, [placed.append], placed.checkIds);
        appended = appendedOrThrown(append, verdicts[0]!);
        if (appended.repeated) throw new StoredBefore();
      });
    } catch (error) {
      if (error instanceof StoredBefore) return appended!;
      throw error;
    }
    this.#signals.announce('log', appended!.position);
    return appended!;
  }
}

// From the append to the commit the log is locked for everybody: a process that stands still must not hold it for long.
const BOUND_PAUSE = {
  name: 'bound_pause',
  text: `select set_config('idle_in_transaction_session_timeout', '1s', true)`,
};

/** Rolls back what the first time has done already. */
class StoredBefore extends Error {}
