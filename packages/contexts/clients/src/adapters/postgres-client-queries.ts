// The client list in PostgreSQL.
import { ExactJson } from '@groundwork/application';
import type { TenantId } from '@groundwork/domain';
import type { EntityManager, TenantDatabase } from '@groundwork/persistence';
import type { ClientFilter, ClientPage, ClientQueries, ClientsFound } from '../features/client-list/client-queries.ts';
import { folded, type ClientRow } from '../features/client-list/client-row.ts';
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
      const ids = idsOf(manager, tenant, filter)
        .orderBy('listed.aggregate_id')
        .limit(page.limit + 1);
      if ('page' in page) ids.offset((page.page - 1) * page.limit);
      else if (page.after !== undefined) ids.andWhere('listed.aggregate_id > :after', { after: page.after });
      const rows = await manager
        .createQueryBuilder(clientEntity, 'client')
        .where('client.tenant = :tenant')
        .andWhere(`client.aggregate_id in (${ids.getQuery()})`)
        .setParameters(ids.getParameters())
        .orderBy('client.aggregate_id')
        .getMany();
      return {
        rows: rows.slice(0, page.limit).map(rowOf),
        hasMore: rows.length > page.limit,
        total: 'page' in page ? await idsOf(manager, tenant, filter).getCount() : undefined,
      };
    });
  }

  find(tenant: TenantId, id: string): Promise<ClientRow | undefined> {
    return this.#database.within(tenant, async (manager) => {
      const stored = await manager
        .createQueryBuilder(clientEntity, 'client')
        .addSelect('client.raw_data')
        .where('client.tenant = :tenant and client.aggregate_id = :id', { tenant, id })
        .getOne();
      return stored === null ? undefined : rowOf(stored);
    });
  }
}

function idsOf(manager: EntityManager, tenant: TenantId, filter: ClientFilter) {
  const { search, status, country, businessType, priority, parentId, deleted } = filter;
  const ids = manager
    .createQueryBuilder(clientEntity, 'listed')
    .select('listed.aggregate_id')
    .where('listed.tenant = :tenant', { tenant })
    .andWhere(deleted ? 'listed.is_deleted' : 'not listed.is_deleted');
  const only = (condition: string, value: string | undefined, name: string): void => {
    if (value !== undefined) ids.andWhere(condition, { [name]: value });
  };
  only('strpos(listed.name_folded, :search) > 0', search === undefined ? undefined : folded(search), 'search');
  only('listed.status = :status', status, 'status');
  only('listed.billing_country = :country', country, 'country');
  only('listed.priority = :priority', priority, 'priority');
  only('listed.parent_id = :parentId', parentId, 'parentId');
  only('listed.aggregate_id in (select clients.ids_of_business_type(:businessType))', businessType, 'businessType');
  return ids;
}

/** The list leaves the payload out. */
const rowOf = ({ tenant: _, raw_data, ...row }: StoredClient): ClientRow =>
  ({
    ...(row as Omit<ClientRow, 'raw_data'>),
    raw_data: raw_data === null || raw_data === undefined ? null : new ExactJson(raw_data),
  }) as ClientRow;
