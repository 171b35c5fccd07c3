// TypeORM's rows, alone or together with the events that announce them.
import type { Append, Appended, EventTypes } from '@groundwork/application';
import type { EntityManager } from 'typeorm';
import type { TenantDatabase } from '../tenant-database.ts';
import { appendBatch, BOUND_PAUSE } from './append-statement.ts';
import type { Database } from './database.ts';
import { isOvertaken, streamBusy, type InlineProjections } from './inline-rows.ts';
import { appendedOrThrown, prepareAppend } from './postgres-event-store.ts';
import type { Signals } from './signals.ts';

export class PostgresTenantDatabase implements TenantDatabase {
  readonly #database: Database;
  readonly #types: EventTypes;
  readonly #signals: Signals;
  readonly #inline: InlineProjections | undefined;

  constructor(database: Database, types: EventTypes, signals: Signals, inline?: InlineProjections) {
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
        const placed = (await this.#inline?.storeRows(query, prepared)) ?? { append: prepared, checkIds: false };
        await query(BOUND_PAUSE);
        const { verdicts } = await appendBatch(query, [placed.append], placed.checkIds);
        if (isOvertaken(prepared, verdicts[0]!)) throw streamBusy(prepared);
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

/** Rolls back what the first time has done already. */
class StoredBefore extends Error {}
