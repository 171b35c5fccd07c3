// Read models and the progress of their projections in PostgreSQL, changed together.
import {
  aheadOfLog,
  Conflict,
  type Projection,
  type ProjectionProgress,
  type ProjectionStore,
  type ProjectionTransaction,
  type Slice,
  type StreamKey,
  type LogSubscription,
  type TenantRow,
} from '@groundwork/application';
import { outdated } from '../outdated-read-model.ts';
import type { Database, Transaction } from './database.ts';
import { isDataRefused } from './database-errors.ts';
import { LEASE } from './lease-statement.ts';
import { PostgresProjectionTransaction, rowRefused } from './postgres-projection-transaction.ts';
import { jsonChunks, storableRow, upsertStatement } from './read-model-statements.ts';
import type { Signals } from './signals.ts';

interface SliceRow {
  readonly projection: string;
  readonly slice: number;
  readonly slices: number;
  readonly position: string;
  readonly epoch: number;
  readonly owner: string | null;
  readonly owners_lost: number;
  readonly suspect: string | null;
  readonly updated_at: Date;
}

export class PostgresProjectionStore implements ProjectionStore {
  readonly #database: Database;
  readonly #signals: Signals;

  constructor(database: Database, signals: Signals) {
    this.#database = database;
    this.#signals = signals;
  }

  async register(projection: LogSubscription, slices: number, after = 0n): Promise<void> {
    const { name, schemaVersion, table } = projection;
    await this.#database.transaction(undefined, async ({ query }) => {
      await query({
        name: 'register_projection',
        text: `insert into groundwork.projection (name, schema_version, read_model, state) values ($1, $2, $3, 'running')
               on conflict do nothing`,
        values: [name, schemaVersion, table === undefined ? null : `${table.schema}.${table.name}`],
      });
      await query({
        name: 'register_slices',
        text: `insert into groundwork.projection_slice (projection, slice, slices, position)
               select $1, n, $2, $3 from generate_series(0, $2 - 1) as n
                where not exists (select from groundwork.projection_slice where projection = $1)
               on conflict do nothing`,
        values: [name, slices, String(after)],
      });
    });
  }

  async lease(
    projection: LogSubscription,
    owner: string,
    leaseMs: number,
    sliceCountMax: number,
  ): Promise<readonly Slice[]> {
    const rows = await this.#database.query<SliceRow>({
      name: 'lease_slices',
      text: LEASE,
      values: [
        projection.name,
        owner,
        leaseMs,
        sliceCountMax,
        projection.schemaVersion,
        this.#signals.lifeline ?? null,
      ],
    });
    return rows.map(sliceOf).sort((a, b) => a.slice - b.slice);
  }

  async renew({ name }: LogSubscription, owner: string, leaseMs: number): Promise<void> {
    await this.#database.query({
      name: 'renew_slices',
      text: `with alive as (
               update groundwork.projection_worker set alive_until = clock_timestamp() + $3 * interval '1 ms', lifeline = $4
                where projection = $1 and owner = $2
             )
             update groundwork.projection_slice set lease_until = clock_timestamp() + $3 * interval '1 ms'
              where projection = $1 and owner = $2`,
      values: [name, owner, leaseMs, this.#signals.lifeline ?? null],
    });
  }

  async suspect(slice: Slice, position: bigint, ownersLost: number): Promise<Slice> {
    const [row] = await this.#database.query<SliceRow>({
      name: 'suspect_event',
      text: `update groundwork.projection_slice set suspect = $4, owners_lost = $5, trial_epoch = epoch
              where projection = $1 and slice = $2 and epoch = $3 returning *`,
      values: [slice.projection, slice.slice, slice.epoch, String(position), ownersLost],
    });
    if (row === undefined) throw checkpointMoved(slice);
    return sliceOf(row);
  }

  async releaseAll(owner: string): Promise<void> {
    await this.#database.query({
      name: 'release_slices',
      text: `with gone as (
               delete from groundwork.projection_worker
                where owner = $1 or alive_until < clock_timestamp() - interval '1 hour'
             )
             update groundwork.projection_slice set owner = null, lease_until = null where owner = $1`,
      values: [owner],
    });
  }

  async advance(
    projection: LogSubscription,
    slice: Slice,
    to: bigint,
    work: (tx: ProjectionTransaction) => Promise<void>,
  ): Promise<Slice> {
    const hasAccepted = await this.#database.transaction(undefined, async (transaction) => {
      await moveCheckpoint(transaction, slice, to);
      const effects = new PostgresProjectionTransaction(transaction, projection.table, slice);
      await work(effects);
      return effects.hasAccepted;
    });
    if (hasAccepted) this.#signals.announce('commands');
    return { ...slice, position: to };
  }

  async upsert(
    projection: Projection,
    slice: Slice,
    to: bigint,
    rows: readonly TenantRow[],
  ): Promise<Slice | undefined> {
    const { table } = projection;
    const [rowsJson = '[]', ...more] = jsonChunks(rows.map(({ tenant, row }) => storableRow(table, row, tenant)));
    if (more.length > 0) return undefined;
    try {
      const [outcome] = await this.#database.query<{ moved: boolean; parked: boolean }>(
        upsertStatement(projection, slice, to, rowsJson),
      );
      if (outcome!.moved) return { ...slice, position: to };
      if (outcome!.parked) return undefined;
    } catch (error) {
      throw isDataRefused(error) ? rowRefused(error, table) : error;
    }
    throw checkpointMoved(slice);
  }

  async holdSlice(
    projection: Projection,
    stream: StreamKey,
    work: (tx: ProjectionTransaction, slice: Slice) => Promise<void>,
  ): Promise<boolean> {
    return this.#database.transaction(undefined, async (transaction) => {
      const held = await transaction.query<SliceRow>({
        name: 'hold_slice',
        text: HOLD,
        values: [projection.name, stream.tenant, stream.type, stream.id],
      });
      if (held.length === 0) return false;
      await refuseOtherTable(transaction, projection, held[0]!);
      const slice = sliceOf(held[0]!);
      await work(new PostgresProjectionTransaction(transaction, projection.table, slice), slice);
      return true;
    });
  }

  async pass({ name }: LogSubscription, slices: readonly Slice[], to: bigint): Promise<readonly Slice[]> {
    const moved = await this.#database.query<{ slice: number }>({
      name: 'pass_slices',
      text: `update groundwork.projection_slice s set position = $5, updated_at = clock_timestamp()
               from unnest($2::int[], $3::bigint[], $4::int[]) as held (slice, position, epoch)
              where s.projection = $1 and s.slice = held.slice and s.position = held.position and s.epoch = held.epoch
             returning s.slice, set_config('synchronous_commit', 'off', true)`,
      values: [
        name,
        slices.map(({ slice }) => slice),
        slices.map(({ position }) => String(position)),
        slices.map(({ epoch }) => epoch),
        String(to),
      ],
    });
    const numbers = new Set(moved.map(({ slice }) => slice));
    return slices.filter(({ slice }) => numbers.has(slice)).map((slice) => ({ ...slice, position: to }));
  }

  async progress(projection?: string): Promise<readonly ProjectionProgress[]> {
    const rows = await this.#database.query<
      SliceRow & {
        schema_version: number;
        state: 'running' | 'paused';
        parked: number;
        is_ahead_of_log: boolean;
      }
    >({
      name: 'projection_progress',
      text: PROGRESS,
      values: [projection ?? null],
    });
    return [...Map.groupBy(rows, (row) => row.projection).entries()].map(([name, slices]) => ({
      projection: name,
      schemaVersion: slices[0]!.schema_version,
      state: slices[0]!.state,
      slices: slices.map((row) => ({
        slice: row.slice,
        position: BigInt(row.position),
        isAheadOfLog: row.is_ahead_of_log,
        owner: row.owner ?? undefined,
        updatedAt: row.updated_at,
      })),
      parked: slices[0]!.parked,
    }));
  }

  async setState(projection: string, state: 'running' | 'paused'): Promise<void> {
    await this.#database.query({
      name: 'set_projection_state',
      text: 'update groundwork.projection set state = $2 where name = $1',
      values: [projection, state],
    });
  }
}

// A statement of an owner that waits here has looked at the parked streams already: under the new epoch it has no
// effect.
const HOLD = `
  update groundwork.projection_slice s set epoch = epoch + 1
   where s.projection = $1
     and s.slice = (select t.stream_id % s.slices from groundwork.stream t where t.tenant = $2 and t.type = $3 and t.id = $4)
  returning s.*`;

/** Asked once the slice is held: from then on nobody switches the read model. */
async function refuseOtherTable({ query }: Transaction, projection: Projection, slice: SliceRow): Promise<void> {
  const [stored] = await query<{ schema_version: number; is_ahead: boolean }>({
    name: 'stored_schema_version',
    text: `select p.schema_version, groundwork.is_ahead_of_log(s.position, s.event_id) as is_ahead
             from groundwork.projection p join groundwork.projection_slice s on s.projection = p.name
            where p.name = $1 and s.slice = $2`,
    values: [projection.name, slice.slice],
  });
  if (stored!.schema_version !== projection.schemaVersion) throw outdated(projection, stored!.schema_version);
  if (stored!.is_ahead) throw aheadOfLog(`Slice ${slice.slice} of ${projection.name} is ahead of this log.`);
}

const PROGRESS = `
  select s.projection, s.slice, s.slices, s.position, s.epoch,
         groundwork.is_ahead_of_log(s.position, s.event_id) as is_ahead_of_log,
         case when s.lease_until > clock_timestamp() then s.owner end as owner, s.updated_at, p.schema_version, p.state,
         groundwork.parked_count(p.name) as parked
    from groundwork.projection_slice s join groundwork.projection p on p.name = s.projection
   where p.name = $1 or ($1::text is null and p.name not like '%~%')
   order by s.projection, s.slice`;

/** The compare-and-set that makes effects happen exactly once: locks the slice until the transaction ends. */
async function moveCheckpoint({ query }: Transaction, slice: Slice, to: bigint): Promise<void> {
  const moved = await query({
    name: 'move_checkpoint',
    text: `update groundwork.projection_slice set position = $4, updated_at = clock_timestamp()
            where projection = $1 and slice = $2 and position = $3 and epoch = $5 returning slice`,
    values: [slice.projection, slice.slice, String(slice.position), String(to), slice.epoch],
  });
  if (moved.length === 0) throw checkpointMoved(slice);
}

const checkpointMoved = (slice: Slice): Conflict =>
  new Conflict(
    'projection.checkpoint-moved',
    `Slice ${slice.slice} of ${slice.projection} is no longer at ${slice.position} under epoch ${slice.epoch}.`,
    'Lease the slices again and go on from their checkpoints.',
  );

const sliceOf = (row: SliceRow): Slice => ({
  projection: row.projection,
  slice: row.slice,
  slices: row.slices,
  position: BigInt(row.position),
  epoch: row.epoch,
  ownersLost: row.owners_lost,
  suspect: row.suspect === null ? undefined : BigInt(row.suspect),
});
