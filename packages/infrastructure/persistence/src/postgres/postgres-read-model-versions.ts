// What a tenant's rows are made from, in one look into PostgreSQL.
import type { EventTypes, Projection, ReadModelVersion, ReadModelVersions } from '@groundwork/application';
import type { TenantId } from '@groundwork/domain';
import type { Database } from './database.ts';

interface VersionRow {
  readonly reached: string;
  readonly table_version: string;
  readonly is_settled: boolean;
  readonly event_id: string | null;
  readonly position: string | null;
  readonly archives: string;
}

/**
 * The epochs of the slices grow whenever rows are exchanged without an event: a switched or rolled back rebuild, the
 * rebuild of a stream, the drop of a tenant. The latest event tells whatever was recorded, and its id that the log is
 * this one and not another that was restored; behind it, archiving may leave an older one.
 */
export class PostgresReadModelVersions implements ReadModelVersions {
  readonly #database: Database;
  readonly #types: EventTypes;

  constructor(database: Database, types: EventTypes) {
    this.#database = database;
    this.#types = types;
  }

  async of(
    { name, eventTypes, schemaVersion }: Pick<Projection, 'name' | 'eventTypes' | 'schemaVersion'>,
    tenant: TenantId,
  ): Promise<ReadModelVersion | undefined> {
    const [row] = await this.#database.transaction(tenant, ({ query }) =>
      query<VersionRow>({
        name: 'read_model_version',
        text: VERSION,
        values: [tenant, name, this.#types.storedAs(eventTypes)],
      }),
    );
    if (row === undefined || !row.is_settled || row.position === null) return undefined;
    const reached = BigInt(row.reached);
    if (reached < BigInt(row.position)) return undefined;
    return { id: [name, row.event_id, row.table_version, schemaVersion, row.archives].join('/'), reached };
  }
}

// One snapshot: the checkpoints, who is parked behind them, and the tenant's latest event, by one look into the index
// for each type.
const VERSION = `
  select slices.*, last.event_id, last.position,
         (select count(*) || '.' || coalesce(extract(epoch from max(a.archived_at))::text, '')
            from groundwork.archive a where a.tenant = $1) as archives
    from (select min(s.position) as reached,
                 p.schema_version || '.' || string_agg(s.epoch::text, '.' order by s.slice) as table_version,
                 not bool_or(groundwork.is_ahead_of_log(s.position, s.event_id))
                   and not exists (select from groundwork.parked_stream k where k.tenant = $1 and k.projection = $2) as is_settled
            from groundwork.projection p join groundwork.projection_slice s on s.projection = p.name
           where p.name = $2
           group by p.name, p.schema_version) slices
    left join lateral (
      select latest.event_id, latest.position
        from unnest($3::text[]) as wanted (type)
        cross join lateral (
          select e.event_id, e.position from groundwork.event e
           where e.tenant = $1 and e.type = wanted.type
           order by e.position desc limit 1) latest
       order by latest.position desc limit 1) last on true`;
