// The table of the client list on a fresh database, seen with the rights of any role, and what its queries cost.
import { Database, migrate, type DatabaseRole, type EntityManager, type TenantDatabase } from '@groundwork/persistence';
import { MemoryLogger, MemoryMetrics, PlainResilience, testDatabase } from '@groundwork/testing';
import { CLIENT_MAPPING } from '../model/client-mapping.ts';
import { published, recorded } from '../change-events-under-test.ts';
import { clientList } from '../features/client-list/client-list.projection.ts';
import { folded, type ClientRow } from '../features/client-list/client-row.ts';
import { clientEntity } from './client-entity.ts';
import { Clients1763710000000 } from './clients.migration.ts';

/** A node of PostgreSQL's plan, with those below it. */
export interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly PlanNode[];
}

export interface ClientDatabase {
  readonly url: string;
  as(role: DatabaseRole): Database;
  /** Stores rows as they are, with the rights of the owner. */
  store(tenant: string, rows: readonly ClientRow[]): Promise<void>;
  /** Everything that the migration makes, in words. */
  shape(): Promise<readonly unknown[]>;
  close(): Promise<void>;
}

export async function clientDatabaseUnderTest(): Promise<ClientDatabase> {
  const { url, drop } = await testDatabase();
  await migrate(url, [Clients1763710000000]);
  const opened = new Map<DatabaseRole, Database>();
  const as = (role: DatabaseRole): Database => {
    const database =
      opened.get(role) ??
      new Database({
        ...LIMITS,
        url,
        role,
        entities: [clientEntity],
        logger: new MemoryLogger(),
        metrics: new MemoryMetrics(),
        resilience: new PlainResilience(),
      });
    opened.set(role, database);
    return database;
  };
  return {
    url,
    as,
    store: (tenant, rows) =>
      as('groundwork_owner').withEntities(tenant, async (manager) => {
        const stored = rows.map((row) => ({ ...row, raw_data: row.raw_data?.text ?? null, tenant }));
        await manager.insert(clientEntity, stored as never);
      }),
    shape: async () => (await as('groundwork_owner').pool.query(SHAPE)).rows,
    close: async () => {
      for (const database of opened.values()) await database.close();
      await drop();
    },
  };
}

const SHAPE = `
  select 'column' as kind, column_name as name, data_type || is_nullable as shape
    from information_schema.columns where table_schema = 'clients'
  union all select 'index', indexname, indexdef from pg_indexes where schemaname = 'clients'
  union all select 'policy', policyname, roles::text || coalesce(qual, '') || coalesce(with_check, '')
    from pg_policies where schemaname = 'clients'
  union all select 'grant', grantee::text, privilege_type from information_schema.role_table_grants where table_schema = 'clients'
  union all select 'function', proname, prosrc from pg_proc where pronamespace = 'clients'::regnamespace
  order by 1, 2, 3`;

const LIMITS = {
  applicationName: 'clients-test',
  poolSizeMax: 4,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 60_000,
  lockTimeoutMs: 10_000,
  idleTransactionTimeoutMs: 60_000,
  slowQueryMs: 60_000,
};

/** Remembers what `work` asks of the database, and shows PostgreSQL's plans for it. */
export class WatchedDatabase implements Pick<TenantDatabase, 'within'> {
  readonly #database: Database;
  readonly asked: { readonly sql: string; readonly parameters: readonly unknown[] }[] = [];

  constructor(database: Database) {
    this.#database = database;
  }

  within<T>(tenant: string, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return this.#database.withEntities(tenant, async (manager) => {
      const runner = manager.queryRunner!;
      const run = runner.query.bind(runner) as (...statement: unknown[]) => Promise<never>;
      runner.query = (...statement: unknown[]) => {
        const [sql, parameters = []] = statement as [string, unknown[]?];
        if (/^select/i.test(sql)) this.asked.push({ sql, parameters });
        return run(...statement);
      };
      return work(manager);
    });
  }

  /** The plans of all statements asked since the last call. */
  async plans(tenant: string): Promise<readonly PlanNode[]> {
    const asked = this.asked.splice(0);
    return this.#database.withEntities(tenant, async (manager) => {
      const plans: PlanNode[] = [];
      for (const { sql, parameters } of asked) plans.push(await planOf(manager, sql, parameters));
      return plans;
    });
  }
}

export async function planOf(
  manager: EntityManager,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<PlanNode> {
  const [row] = await manager.query<{ 'QUERY PLAN': { Plan: PlanNode }[] }[]>(`explain (format json) ${sql}`, [
    ...parameters,
  ]);
  return row!['QUERY PLAN'][0]!.Plan;
}

/** Every node of a plan as `Index Only Scan client_listed`. */
export const scansOf = (node: PlanNode): readonly string[] => [
  [node['Node Type'], node['Index Name']].filter((text) => text !== undefined).join(' '),
  ...(node.Plans ?? []).flatMap(scansOf),
];

const { apply: shown } = clientList(CLIENT_MAPPING);
const EMPTY = shown(undefined, recorded('ClientCreated', published({ kind: 'CREATE' }), 1))!;

/** A row with the given columns, otherwise empty. */
export const rowWith = (columns: Partial<ClientRow> & { readonly aggregate_id: string }): ClientRow => ({
  ...EMPTY,
  salesforce_id: columns.aggregate_id,
  name_folded: folded(columns.name ?? ''),
  ...columns,
});
