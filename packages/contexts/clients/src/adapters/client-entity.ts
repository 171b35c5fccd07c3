// The table of the client list as TypeORM knows it.
import { EntitySchema, readModelIndex } from '@groundwork/persistence';
import { clientTable, type ClientRow } from '../features/client-list/client-row.ts';

/** A stored row; payloads are kept as text, so that they stay exact. */
export type StoredClient = Omit<ClientRow, 'raw_data'> & { readonly tenant: string; readonly raw_data: string | null };

const text = { type: 'text', nullable: true } as const;
const columnOf = {
  text,
  'text[]': { type: 'text', array: true },
  boolean: { type: 'boolean' },
  integer: { type: 'integer' },
  json: { type: 'jsonb' },
  timestamp: { type: 'timestamptz', precision: 3, nullable: true },
  'exact-json': { ...text, select: false },
} as const;
const columns = Object.entries(clientTable.columns) as [string, keyof typeof columnOf][];
const id = { type: 'text', collation: 'C' } as const;
const key = { primary: true, primaryKeyConstraintName: 'client_pk' } as const;
const present = { column: 'is_deleted', is: 'false' } as const;
const presentBy = (name: string, column: string) =>
  readModelIndex(name, ['tenant', column, 'aggregate_id'], { where: present });

export const clientEntity = new EntitySchema<StoredClient>({
  name: 'Client',
  schema: 'clients',
  tableName: 'client',
  columns: {
    tenant: { type: 'text', ...key },
    ...Object.fromEntries(columns.map(([column, type]) => [column, columnOf[type]])),
    aggregate_id: { ...id, ...key },
    salesforce_id: id,
    name_folded: { type: 'text' },
  },
  uniques: [{ name: 'client_salesforce_id', columns: ['tenant', 'salesforce_id'] }],
  indices: [
    readModelIndex('client_listed', ['tenant', 'aggregate_id'], {
      include: ['status', 'billing_country'],
      where: present,
    }),
    readModelIndex('client_deleted', ['tenant', 'aggregate_id'], { where: { ...present, is: 'true' } }),
    presentBy('client_by_status', 'status'),
    presentBy('client_by_country', 'billing_country'),
    presentBy('client_by_parent', 'parent_id'),
    readModelIndex('client_business_types', ['business_types'], { method: 'gin' }),
  ],
});
