// How Salesforce's fields become a client's columns: data with a version, applied whenever the list is built.
import { isUnder, type Changes } from './changed-fields.ts';
import { isSalesforceId, salesforceId } from './salesforce-id.ts';

/**
 * The columns that a mapping may fill, and how each reads a value: `text` as it is, `term` as a text short enough for
 * an index, `terms` as a list of them separated by `;`, `id` as a Salesforce id of 18 characters, `time` from
 * milliseconds or ISO 8601.
 */
export const CLIENT_COLUMNS = {
  name: 'text',
  status: 'term',
  priority: 'term',
  parent_id: 'id',
  business_types: 'terms',
  currency: 'text',
  billing_country: 'term',
  industry: 'text',
  sso_id: 'text',
  sso_id_c: 'text',
  sso_id_r: 'text',
  description: 'text',
  last_modified_at: 'time',
  system_modified_at: 'time',
  last_activity_at: 'time',
  created_at: 'time',
} as const;
export type ClientColumn = keyof typeof CLIENT_COLUMNS;

/** A column filled from the first of these Salesforce fields that a change event touches. */
export interface MappedColumn {
  readonly column: ClientColumn;
  /** `Name`, or a part of a compound field such as `BillingAddress.Country`. */
  readonly from: readonly string[];
}

/** A column that holds the first of other columns which is not empty. */
export interface DerivedColumn {
  readonly column: ClientColumn;
  readonly firstOf: readonly ClientColumn[];
}

export interface ClientMapping {
  /** Grows with every change; the list says by which version each row was made. */
  readonly version: number;
  readonly columns: readonly (MappedColumn | DerivedColumn)[];
}

export type ClientValue = string | readonly string[] | Date | null;
export type ClientValues = Readonly<Partial<Record<ClientColumn, ClientValue>>>;

/** The mapping that is used unless a file replaces it. */
export const CLIENT_MAPPING: ClientMapping = {
  version: 1,
  columns: [
    { column: 'name', from: ['Name'] },
    { column: 'status', from: ['Account_Status__c'] },
    { column: 'priority', from: ['Account_Priority__c'] },
    { column: 'parent_id', from: ['ParentId'] },
    { column: 'business_types', from: ['Business_Type__c'] },
    { column: 'currency', from: ['CurrencyIsoCode'] },
    { column: 'billing_country', from: ['BillingAddress.Country', 'BillingCountry'] },
    { column: 'industry', from: ['Industry'] },
    { column: 'sso_id_c', from: ['SSO_ID_Comp__c', 'Orfium_SSO_ID_Comp__c'] },
    { column: 'sso_id_r', from: ['SSO_ID_SR__c', 'Orfium_SSO_ID_SR__c'] },
    { column: 'sso_id', firstOf: ['sso_id_c', 'sso_id_r'] },
    { column: 'description', from: ['Description'] },
    { column: 'last_modified_at', from: ['LastModifiedDate'] },
    { column: 'system_modified_at', from: ['SystemModstamp'] },
    { column: 'last_activity_at', from: ['LastActivityDate'] },
    { column: 'created_at', from: ['CreatedDate'] },
  ],
};

/** The columns that a change event touches, with their new values; an emptied list is `[]`, anything else null. */
export function mappedValues(mapping: ClientMapping, changes: Pick<Changes, 'set' | 'nulled'>): ClientValues {
  const values: Partial<Record<ClientColumn, ClientValue>> = {};
  for (const mapped of mapping.columns) {
    if (!('from' in mapped)) continue;
    const path = mapped.from.find((field) => changes.set.has(field));
    const isCleared = path === undefined && mapped.from.some((field) => isUnder(field, changes.nulled));
    if (path !== undefined) values[mapped.column] = read[CLIENT_COLUMNS[mapped.column]](changes.set.get(path));
    else if (isCleared) values[mapped.column] = CLIENT_COLUMNS[mapped.column] === 'terms' ? [] : null;
  }
  return values;
}

/** The columns that follow from others, for a row that has these values. */
export function derivedValues(mapping: ClientMapping, row: ClientValues): ClientValues {
  const values: Partial<Record<ClientColumn, ClientValue>> = {};
  for (const derived of mapping.columns) {
    if ('from' in derived) continue;
    values[derived.column] = derived.firstOf.map((column) => row[column]).find((value) => !isEmpty(value)) ?? null;
  }
  return values;
}

const isEmpty = (value: ClientValue | undefined): boolean =>
  value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);

// No picklist value, country or id in Salesforce is longer, and every index can hold it.
const TERM_LENGTH_MAX = 255;
// The years that JavaScript, ISO 8601 and PostgreSQL write alike.
const EARLIEST_MS = Date.parse('0001-01-01T00:00:00.000Z');
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');
const ISO_TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2}))?$/;

const read: Readonly<Record<(typeof CLIENT_COLUMNS)[ClientColumn], (value: unknown) => ClientValue>> = {
  text: textOf,
  term: termOf,
  terms: (value) =>
    (Array.isArray(value) ? value.map(textOf) : textOf(value).split(';'))
      .map((term) => termOf(term.trim()))
      .filter((term) => term !== ''),
  id: (value) => (typeof value === 'string' && isSalesforceId(value) ? salesforceId(value) : termOf(value)),
  time: timeOf,
};

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Cut between characters, never inside one. */
function termOf(value: unknown): string {
  const text = textOf(value);
  return text.length <= TERM_LENGTH_MAX ? text : Array.from(text).slice(0, TERM_LENGTH_MAX).join('');
}

/** Null for what is no time: the payload keeps it, and a wrong date must not stop the client's other changes. */
function timeOf(value: unknown): Date | null {
  const ms =
    typeof value === 'number' ? value : typeof value === 'string' && ISO_TIME.test(value) ? Date.parse(value) : NaN;
  return ms >= EARLIEST_MS && ms <= LATEST_MS ? new Date(ms) : null;
}
