// What can be asked about the list of clients, in the words of its port.
import { port, type CachedRead } from '@groundwork/application';
import type { TenantId } from '@groundwork/domain';
import { folded, type ClientRow } from './client-row.ts';

/** All given conditions hold; one that is left out holds always. */
export interface ClientFilter {
  /** A part of the name; case makes no difference, and no character is a wildcard. */
  readonly search?: string;
  readonly status?: string;
  readonly country?: string;
  readonly businessType?: string;
  readonly priority?: string;
  readonly parentId?: string;
  readonly deleted: boolean;
}

export type ClientPage =
  /** The clients behind an id; walking on misses nobody who was there at the start, whoever is added meanwhile. */
  | { readonly after: string | undefined; readonly limit: number }
  /** A page by its number from 1, counted at the time of the question. */
  | { readonly page: number; readonly limit: number };

export interface ClientsFound {
  /** In the order of their ids, compared character by character. */
  readonly rows: readonly ClientRow[];
  readonly hasMore: boolean;
  /** Counted only for numbered pages: counting costs more than a page. */
  readonly total: number | undefined;
}

export interface ClientQueries {
  list(tenant: TenantId, filter: ClientFilter, page: ClientPage, read?: CachedRead): Promise<ClientsFound>;
  /** By the 18-character id. */
  find(tenant: TenantId, id: string, read?: CachedRead): Promise<ClientRow | undefined>;
}
export const ClientQueries = port<ClientQueries>('ClientQueries');

/** What the filter means: the definition that every adapter has to agree with. */
export function matches(row: ClientRow, filter: ClientFilter): boolean {
  const { search, status, country, businessType, priority, parentId, deleted } = filter;
  return (
    row.is_deleted === deleted &&
    (search === undefined || row.name_folded.includes(folded(search))) &&
    (status === undefined || row.status === status) &&
    (country === undefined || row.billing_country === country) &&
    (businessType === undefined || row.business_types.includes(businessType)) &&
    (priority === undefined || row.priority === priority) &&
    (parentId === undefined || row.parent_id === parentId)
  );
}
