// The client list in PostgreSQL.
import { ExactJson } from '@groundwork/application';
import type { TenantId } from '@groundwork/domain';
import { And, MoreThan, Raw, type FindOptionsWhere, type TenantDatabase } from '@groundwork/persistence';
import type { ClientFilter, ClientPage, ClientQueries, ClientsFound } from '../features/client-list/client-queries.ts';
import { clientTable, folded, type ClientRow } from '../features/client-list/client-row.ts';
import { clientEntity, type StoredClient } from './client-entity.ts';

/** Reads inside the tenant's transaction, where row-level security shows no other tenant's rows. */
export class PostgresClientQueries implements ClientQueries {
  readonly #database: Pick<TenantDatabase, 'within'>;

  constructor(database: Pick<TenantDatabase, 'within'>) {
    this.#database = database;
  }

  // The ids of the page are found in an index alone; only then are the rows fetched, by their keys.
  list(tenant: TenantId, filter: ClientFilter, page: ClientPage): Promise<ClientsFound> {
    return this.#database.within(tenant, async (manager) => {
      const ids = manager.createQueryBuilder(clientEntity, 'listed').setFindOptions({
        select: { aggregate_id: true },
        where: conditionsOf(tenant, filter, 'after' in page ? page.after : undefined),
        order: { aggregate_id: 'asc' },
        skip: 'page' in page ? (page.page - 1) * page.limit : 0,
        take: page.limit + 1,
      });
      const rows = await manager.find(clientEntity, {
        where: { tenant, aggregate_id: Raw((id) => `${id} in (${ids.getQuery()})`, ids.getParameters()) },
        order: { aggregate_id: 'asc' },
      });
      return {
        rows: rows.slice(0, page.limit).map(rowOf),
        hasMore: rows.length > page.limit,
        total: 'page' in page ? await manager.countBy(clientEntity, conditionsOf(tenant, filter)) : undefined,
      };
    });
  }

  find(tenant: TenantId, id: string): Promise<ClientRow | undefined> {
    return this.#database.within(tenant, async (manager) => {
      const where = { tenant, aggregate_id: id };
      const stored = await manager.findOne(clientEntity, { select: WITH_PAYLOAD, where });
      return stored === null ? undefined : rowOf(stored);
    });
  }
}

/** A condition on a column that is not there, or on a value of another type, does not compile. */
function conditionsOf(tenant: TenantId, filter: ClientFilter, after?: string): FindOptionsWhere<StoredClient> {
  const { search, status, country: billing_country, businessType, priority, parentId: parent_id, deleted } = filter;
  const ids = [
    ...(after === undefined ? [] : [MoreThan(after)]),
    ...(businessType === undefined ? [] : [Raw((id) => `${id} in (${OF_BUSINESS_TYPE})`, { businessType })]),
  ];
  return {
    tenant,
    is_deleted: deleted,
    ...(status === undefined ? {} : { status }),
    ...(billing_country === undefined ? {} : { billing_country }),
    ...(priority === undefined ? {} : { priority }),
    ...(parent_id === undefined ? {} : { parent_id }),
    ...(search === undefined
      ? {}
      : { name_folded: Raw((name) => `strpos(${name}, :search) > 0`, { search: folded(search) }) }),
    ...(ids.length === 0 ? {} : { aggregate_id: And(...ids) }),
  };
}

const WITH_PAYLOAD = Object.fromEntries(Object.keys(clientTable.columns).map((column) => [column, true]));
const OF_BUSINESS_TYPE = 'select clients.ids_of_business_type(:businessType)';

/** The list leaves the payload out. */
const rowOf = ({ tenant: _, raw_data, ...row }: StoredClient): ClientRow =>
  ({
    ...(row as Omit<ClientRow, 'raw_data'>),
    raw_data: raw_data === null || raw_data === undefined ? null : new ExactJson(raw_data),
  }) as ClientRow;
