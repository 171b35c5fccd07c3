// The effects of one batch of events: rows of the read model and parked streams.
import {
  InvalidInput,
  type NewCommand,
  type NewlyParked,
  type ParkedStream,
  type ProjectionTransaction,
  type ReadModelTable,
  type Row,
  type Slice,
} from '@groundwork/application';
import { randomUUID } from 'node:crypto';
import { codeOf, isDataRefused } from './database-errors.ts';
import type { Transaction } from './database.ts';
import { acceptStatement, lockKeysStatement } from './postgres-command-store.ts';
import { parkedStreamOf, type ParkedRow } from './postgres-dead-letters.ts';
import {
  jsonChunks,
  loadStatement,
  removeStatement,
  rowOf,
  storableRow,
  storeStatement,
} from './read-model-statements.ts';

export class PostgresProjectionTransaction implements ProjectionTransaction {
  readonly #transaction: Transaction;
  readonly #table: ReadModelTable | undefined;
  readonly #slice: Slice;
  #tenant: string | undefined;
  #hasAccepted = false;

  constructor(transaction: Transaction, table: ReadModelTable | undefined, slice: Slice) {
    this.#transaction = transaction;
    this.#table = table;
    this.#slice = slice;
  }

  /** Whether a worker has something to run once this is committed. */
  get hasAccepted(): boolean {
    return this.#hasAccepted;
  }

  async parked(): Promise<readonly ParkedStream[]> {
    const rows = await this.#transaction.query<ParkedRow>({
      name: 'parked_of_slice',
      text: 'select * from groundwork.parked_stream where projection = $1 and slice = $2 order by position',
      values: [this.#slice.projection, this.#slice.slice],
    });
    return rows.map(parkedStreamOf);
  }

  async load(tenant: string, keys: readonly string[]): Promise<ReadonlyMap<string, Row>> {
    await this.#enter(tenant);
    const table = this.#ownTable();
    const rows = await this.#transaction.query(loadStatement(table, tenant, keys));
    return new Map(rows.map((row) => [String(row[table.key]), rowOf(table, row)]));
  }

  async store(tenant: string, rows: readonly Row[], removedKeys: readonly string[]): Promise<void> {
    await this.#enter(tenant);
    const table = this.#ownTable();
    try {
      for (const chunk of jsonChunks(rows.map((row) => storableRow(table, row)))) {
        await this.#transaction.query(storeStatement(table, tenant, chunk));
      }
      if (removedKeys.length > 0) await this.#transaction.query(removeStatement(table, tenant, removedKeys));
    } catch (error) {
      throw isDataRefused(error) ? rowRefused(error, table) : error;
    }
  }

  async park(parked: NewlyParked): Promise<void> {
    const { stream } = parked;
    await this.#enter(stream.tenant);
    await this.#transaction.query({
      name: 'park_stream',
      text: PARK,
      values: [
        randomUUID(),
        stream.tenant,
        parked.projection,
        parked.slice,
        stream.type,
        stream.id,
        String(parked.position),
        parked.eventId,
        parked.eventType,
        parked.attempts,
        JSON.stringify(parked.error),
        parked.decision ?? null,
      ],
    });
  }

  async unpark(id: string): Promise<void> {
    const parked = (await this.parked()).find((candidate) => candidate.id === id);
    if (parked === undefined) return;
    await this.#enter(parked.stream.tenant);
    await this.#transaction.query({
      name: 'unpark_stream',
      text: 'delete from groundwork.parked_stream where parked_id = $1',
      values: [id],
    });
  }

  async accept(commands: readonly NewCommand[]): Promise<void> {
    if (commands.length === 0) return;
    try {
      await this.#transaction.query(lockKeysStatement(commands));
      for (const command of commands) {
        await this.#enter(command.tenant);
        await this.#transaction.query(acceptStatement(command));
      }
    } catch (error) {
      throw isDataRefused(error) ? rowRefused(error, COMMANDS) : error;
    }
    this.#hasAccepted = true;
  }

  #ownTable(): ReadModelTable {
    if (this.#table !== undefined) return this.#table;
    throw new Error(`${this.#slice.projection} keeps no rows.`);
  }

  async #enter(tenant: string): Promise<void> {
    if (this.#tenant === tenant) return;
    await this.#transaction.setTenant(tenant);
    this.#tenant = tenant;
  }
}

// Parking a stream that is parked already tells of one more failed attempt and puts the
// given decision, or none, for the operator's.
const PARK = `
  insert into groundwork.parked_stream
         (parked_id, tenant, projection, slice, stream_type, stream_id, position, event_id, event_type, attempts, error,
          decision)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
  on conflict on constraint parked_stream_once do update
     set position = excluded.position, event_id = excluded.event_id, event_type = excluded.event_type,
         attempts = excluded.attempts, error = excluded.error, decision = excluded.decision`;

const COMMANDS = { schema: 'groundwork', name: 'command' };

/** What PostgreSQL says about the data of a row, as one of ours. */
export function rowRefused(error: unknown, { schema, name }: Pick<ReadModelTable, 'schema' | 'name'>): InvalidInput {
  return new InvalidInput(
    'projection.row-refused',
    `${schema}.${name} does not take a row (SQLSTATE ${codeOf(error)}).`,
    'Correct the projection or the table, then retry the parked stream.',
    [],
    { sqlState: codeOf(error) },
  );
}
