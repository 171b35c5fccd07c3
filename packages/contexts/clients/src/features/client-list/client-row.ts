// The row that a client has in the list, and what of it is shown.
import type { ExactJson, ReadModelTable } from '@groundwork/application';
import { z } from 'zod';
import type { ClientColumn } from '../../model/client-mapping.ts';
import type { ChangeOrder } from '../../model/change-order.ts';

type TextColumn = Exclude<ClientColumn, 'business_types' | TimeColumn>;
type TimeColumn = 'last_modified_at' | 'system_modified_at' | 'last_activity_at' | 'created_at';

export type ClientRow = Readonly<Record<TextColumn, string | null>> &
  Readonly<Record<TimeColumn, Date | null>> & {
    readonly aggregate_id: string;
    readonly salesforce_id: string;
    /** The name as searches compare it. */
    readonly name_folded: string;
    readonly business_types: readonly string[];
    readonly is_deleted: boolean;
    /** Salesforce told that something happened but not what, or an operator asked for the record. */
    readonly refetch_marked: boolean;
    /** Changes came before the creation; the columns that none of them has told wait for it. */
    readonly awaiting_backfill: boolean;
    /** By column: the change that told it, which one that was committed earlier and arrives later does not undo. */
    readonly told_by: Readonly<Record<string, ChangeOrder>>;
    readonly stream_version: number;
    readonly mapping_version: number;
    /** The latest original payload. */
    readonly raw_data: ExactJson | null;
  };

export const clientTable: ReadModelTable = {
  schema: 'clients',
  name: 'client',
  key: 'aggregate_id',
  columns: {
    aggregate_id: 'text',
    salesforce_id: 'text',
    name: 'text',
    name_folded: 'text',
    status: 'text',
    priority: 'text',
    parent_id: 'text',
    business_types: 'text[]',
    currency: 'text',
    billing_country: 'text',
    industry: 'text',
    sso_id: 'text',
    sso_id_c: 'text',
    sso_id_r: 'text',
    description: 'text',
    is_deleted: 'boolean',
    refetch_marked: 'boolean',
    awaiting_backfill: 'boolean',
    told_by: 'json',
    last_modified_at: 'timestamp',
    system_modified_at: 'timestamp',
    last_activity_at: 'timestamp',
    created_at: 'timestamp',
    stream_version: 'integer',
    mapping_version: 'integer',
    raw_data: 'exact-json',
  },
};

/**
 * A name as it is compared: case, width and the two forms of the Greek sigma make no difference. It is computed here
 * and stored, because what a database calls lower case depends on how it was created.
 */
export const folded = (text: string): string => text.normalize('NFKC').toLowerCase().replaceAll('ς', 'σ');

const text = z.string().nullable();
const time = z.iso.datetime().nullable();

/** A client as the api shows it. */
export const clientView = z.object({
  id: z.string().describe("Salesforce's id of 18 characters"),
  salesforceId: z.string(),
  name: text,
  status: text,
  priority: text,
  parentId: text,
  businessTypes: z.array(z.string()),
  currency: text,
  billingCountry: text,
  industry: text,
  ssoId: text,
  ssoIdC: text,
  ssoIdR: text,
  description: text,
  isDeleted: z.boolean(),
  refetchMarked: z.boolean(),
  awaitingBackfill: z.boolean(),
  lastModifiedAt: time,
  systemModifiedAt: time,
  lastActivityAt: time,
  createdAt: time,
  streamVersion: z.int(),
  mappingVersion: z.int(),
});
export type ClientView = z.infer<typeof clientView>;

/** What is shown of a row; the payload behind it is not. */
export const viewOf = (row: ClientRow): ClientView => ({
  id: row.aggregate_id,
  salesforceId: row.salesforce_id,
  name: row.name,
  status: row.status,
  priority: row.priority,
  parentId: row.parent_id,
  businessTypes: [...row.business_types],
  currency: row.currency,
  billingCountry: row.billing_country,
  industry: row.industry,
  ssoId: row.sso_id,
  ssoIdC: row.sso_id_c,
  ssoIdR: row.sso_id_r,
  description: row.description,
  isDeleted: row.is_deleted,
  refetchMarked: row.refetch_marked,
  awaitingBackfill: row.awaiting_backfill,
  lastModifiedAt: isoOf(row.last_modified_at),
  systemModifiedAt: isoOf(row.system_modified_at),
  lastActivityAt: isoOf(row.last_activity_at),
  createdAt: isoOf(row.created_at),
  streamVersion: row.stream_version,
  mappingVersion: row.mapping_version,
});

const isoOf = (time: Date | null): string | null => time?.toISOString() ?? null;
