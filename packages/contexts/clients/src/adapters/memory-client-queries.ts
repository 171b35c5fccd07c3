// The client list in memory: the twin of the PostgreSQL queries.
import type { TenantId } from '@groundwork/domain';
import {
  matches,
  type ClientFilter,
  type ClientPage,
  type ClientQueries,
  type ClientsFound,
} from '../features/client-list/client-queries.ts';
import type { ClientRow } from '../features/client-list/client-row.ts';

/** Answers from the rows that `rowsOf` holds at the time of the question. */
export class MemoryClientQueries implements ClientQueries {
  readonly #rowsOf: (tenant: TenantId) => Iterable<ClientRow>;

  constructor(rowsOf: (tenant: TenantId) => Iterable<ClientRow>) {
    this.#rowsOf = rowsOf;
  }

  async list(tenant: TenantId, filter: ClientFilter, page: ClientPage): Promise<ClientsFound> {
    const found = [...this.#rowsOf(tenant)].filter((row) => matches(row, filter)).sort(byId);
    const isNumbered = 'page' in page;
    const rest = isNumbered
      ? found.slice((page.page - 1) * page.limit)
      : found.filter(({ aggregate_id }) => aggregate_id > (page.after ?? ''));
    return {
      rows: rest.slice(0, page.limit),
      hasMore: rest.length > page.limit,
      total: isNumbered ? found.length : undefined,
    };
  }

  async find(tenant: TenantId, id: string): Promise<ClientRow | undefined> {
    return [...this.#rowsOf(tenant)].find(({ aggregate_id }) => aggregate_id === id);
  }
}

const byId = (a: ClientRow, b: ClientRow): number => (a.aggregate_id < b.aggregate_id ? -1 : 1);
