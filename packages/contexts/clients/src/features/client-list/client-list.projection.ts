// The list of clients: what the raw change events mean, by the mapping of today.
import { ExactJson, type Projection, type RecordedEvent } from '@groundwork/application';
import { streamId } from '@groundwork/domain';
import { decodeChangeEvent } from '../../model/change-event.ts';
import { isBefore, orderOf, type ChangeOrder } from '../../model/change-order.ts';
import { derivedValues, mappedValues, type ClientMapping } from '../../model/client-mapping.ts';
import { happeningOf, recordEventTypes } from '../../model/client-record.ts';
import { clientTable, folded, type ClientRow } from './client-row.ts';

export const CLIENT_LIST = 'clients.client-list';

/** Grows when the table or the code below changes what a row means. */
const SHAPE_VERSION = 2;
const MAPPING_VERSIONS_PER_SHAPE = 100_000;

/** One row per client, built from its events alone. A new version of the mapping asks for a rebuild. */
export const clientList = (mapping: ClientMapping): Projection<ClientRow> => ({
  name: CLIENT_LIST,
  schemaVersion: SHAPE_VERSION * MAPPING_VERSIONS_PER_SHAPE + mapping.version,
  table: clientTable,
  eventTypes: recordEventTypes('Client'),
  keyOf: (event) => (event.stream.type === 'client' ? event.stream.id : undefined),
  streamOf: (id) => streamId('client', id),
  apply(row, event) {
    if (row !== undefined && isSeen(row, event)) return row;
    const before = row ?? unheardOf(event.stream.id);
    const after: ClientRow = { ...before, ...changed(before, event, mapping), stream_version: event.streamVersion };
    const complete: ClientRow = { ...after, ...(derivedValues(mapping, after) as Partial<ClientRow>) };
    return { ...complete, name_folded: folded(complete.name ?? ''), mapping_version: mapping.version };
  },
});

/** The later parts of an event find the version that the first has left. */
const isSeen = (row: ClientRow, { streamVersion, part }: RecordedEvent): boolean =>
  row.stream_version > streamVersion || (row.stream_version === streamVersion && part === 0);

function changed(before: ClientRow, event: RecordedEvent, mapping: ClientMapping): Partial<ClientRow> {
  const happening = happeningOf(event.type);
  if (happening === 'RefetchRequested') return { refetch_marked: true };
  const change = decodeChangeEvent(event.data);
  const told: Partial<ClientRow> = {
    ...(mappedValues(mapping, change) as Partial<ClientRow>),
    raw_data: new ExactJson(event.dataText),
    ...(happening === 'Deleted' ? { is_deleted: true } : {}),
    ...(happening === 'Restored' ? { is_deleted: false } : {}),
  };
  if (happening === 'Created') return { ...created(before, told), awaiting_backfill: false };
  return {
    ...newest(before, told, orderOf(change)),
    ...(happening === 'GapDetected' || change.partial.size > 0 ? { refetch_marked: true } : {}),
  };
}

/** The columns that no change committed later has told, and by which change they are known now. */
function newest(before: ClientRow, told: Partial<ClientRow>, order: ChangeOrder): Partial<ClientRow> {
  const isTold = (column: string): boolean => {
    const known = before.told_by[column];
    return known === undefined || !isBefore(order, known);
  };
  const columns = Object.entries(told).filter(([column]) => isTold(column));
  const told_by = { ...before.told_by, ...Object.fromEntries(columns.map(([column]) => [column, order])) };
  return { ...Object.fromEntries(columns), told_by };
}

/** A creation comes before all else that Salesforce tells of a record: it fills only what no change has told. */
const created = (before: ClientRow, told: Partial<ClientRow>): Partial<ClientRow> =>
  Object.fromEntries(Object.entries(told).filter(([column]) => !(column in before.told_by)));

const EMPTY = {
  text: null,
  'text[]': [],
  boolean: false,
  integer: 0,
  timestamp: null,
  json: {},
  'exact-json': null,
} as const;

/** A client before its first event: nothing is known but its id. */
const unheardOf = (id: string): ClientRow => ({
  ...(Object.fromEntries(columns.map(([column, type]) => [column, EMPTY[type]])) as unknown as ClientRow),
  aggregate_id: id,
  salesforce_id: id,
  name_folded: '',
  awaiting_backfill: true,
});

const columns = Object.entries(clientTable.columns) as [string, keyof typeof EMPTY][];
