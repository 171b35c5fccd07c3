// The client list as it was read before, as long as the tenant's rows are the same.
import type { CachedRead, ProjectionReads } from '@groundwork/application';
import type { TenantId } from '@groundwork/domain';
import type { ClientFilter, ClientPage, ClientQueries, ClientsFound } from './client-queries.ts';
import type { ClientRow } from './client-row.ts';

/** Rows come back whole: dates, payloads and all. */
export class CachedClientQueries implements ClientQueries {
  readonly #queries: ClientQueries;
  readonly #reads: ProjectionReads;

  constructor(queries: ClientQueries, reads: ProjectionReads) {
    this.#queries = queries;
    this.#reads = reads;
  }

  list(tenant: TenantId, filter: ClientFilter, page: ClientPage, read?: CachedRead): Promise<ClientsFound> {
    const load = (): Promise<ClientsFound> => this.#queries.list(tenant, filter, page);
    return this.#reads.read(tenant, `list:${JSON.stringify([filter, page])}`, load, read);
  }

  find(tenant: TenantId, id: string, read?: CachedRead): Promise<ClientRow | undefined> {
    return this.#reads.read(tenant, `client:${id}`, () => this.#queries.find(tenant, id), read);
  }
}
