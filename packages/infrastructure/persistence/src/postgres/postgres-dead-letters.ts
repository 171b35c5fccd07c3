// Parked streams in PostgreSQL, as a tenant's operators see them.
import type { CommandError, DeadLetters, ParkedStream } from '@groundwork/application';
import type { Database } from './database.ts';

export interface ParkedRow {
  readonly parked_id: string;
  readonly tenant: string;
  readonly projection: string;
  readonly slice: number;
  readonly stream_type: string;
  readonly stream_id: string;
  readonly position: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly attempts: number;
  readonly error: string;
  readonly decision: 'retry' | 'discard' | null;
  readonly parked_at: Date;
}

export class PostgresDeadLetters implements DeadLetters {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async list(
    tenant: string,
    { projection, limit, after }: { projection?: string; limit: number; after?: string },
  ): Promise<readonly ParkedStream[]> {
    const rows = await this.#database.transaction(tenant, ({ query }) =>
      query<ParkedRow>({
        name: 'list_dead_letters',
        text: `select * from groundwork.parked_stream
                where tenant = $1 and ($2::text is null or projection = $2) and ($3::uuid is null or parked_id > $3)
                order by parked_id limit $4`,
        values: [tenant, projection ?? null, after ?? null, limit],
      }),
    );
    return rows.map(parkedStreamOf);
  }

  async count(tenant: string, projection: string): Promise<number> {
    const [row] = await this.#database.transaction(tenant, ({ query }) =>
      query<{ count: number }>({
        name: 'count_dead_letters',
        text: 'select count(*)::int as count from groundwork.parked_stream where tenant = $1 and projection = $2',
        values: [tenant, projection],
      }),
    );
    return row!.count;
  }

  async get(tenant: string, id: string): Promise<ParkedStream | undefined> {
    const [row] = await this.#database.transaction(tenant, ({ query }) =>
      query<ParkedRow>({
        name: 'find_dead_letter',
        text: 'select * from groundwork.parked_stream where tenant = $1 and parked_id = $2',
        values: [tenant, id],
      }),
    );
    return row && parkedStreamOf(row);
  }

  async decide(tenant: string, id: string, decision: 'retry' | 'discard'): Promise<ParkedStream | undefined> {
    const [row] = await this.#database.transaction(tenant, ({ query }) =>
      query<ParkedRow>({
        name: 'decide_dead_letter',
        text: 'update groundwork.parked_stream set decision = $3 where tenant = $1 and parked_id = $2 returning *',
        values: [tenant, id, decision],
      }),
    );
    return row && parkedStreamOf(row);
  }
}

/** A stored row as a parked stream. */
export const parkedStreamOf = (row: ParkedRow): ParkedStream => ({
  id: row.parked_id,
  projection: row.projection,
  slice: row.slice,
  stream: { tenant: row.tenant, type: row.stream_type, id: row.stream_id },
  position: BigInt(row.position),
  eventId: row.event_id,
  eventType: row.event_type,
  attempts: row.attempts,
  error: JSON.parse(row.error) as CommandError,
  parkedAt: row.parked_at,
  decision: row.decision ?? undefined,
});
