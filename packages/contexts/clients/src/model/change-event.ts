// Salesforce's change event, read from either of its two wire forms into one.
import { Refusal } from '@groundwork/domain';
import { changesOf, isJsonObject, type Changes, type JsonObject } from './changed-fields.ts';
import { isSalesforceId, salesforceId, WILDCARD_ID } from './salesforce-id.ts';

const KINDS = [
  'CREATE',
  'UPDATE',
  'DELETE',
  'UNDELETE',
  'GAP_CREATE',
  'GAP_UPDATE',
  'GAP_DELETE',
  'GAP_UNDELETE',
  'GAP_OVERFLOW',
] as const;
export type ChangeKind = (typeof KINDS)[number];

export interface ChangeEvent extends Changes {
  /** Salesforce's name of the object: `Account`, `Platform__c`. */
  readonly entity: string;
  /** 18 characters each, without repetitions, in the order in which they were sent. */
  readonly recordIds: readonly string[];
  readonly kind: ChangeKind;
  readonly transactionKey: string;
  readonly sequenceNumber: number;
  readonly commitTimestampMs: number;
  /** Decimal digits: the numbers exceed what a double holds. */
  readonly commitNumber: string | undefined;
}

export interface EnvelopeIssue {
  /** JSON Pointer into what was sent. */
  readonly pointer: string;
  readonly message: string;
}

export const HEADER = 'ChangeEventHeader';
const PARTNER_SOURCE = /^aws\.partner\/salesforce\.com(?:\/|$)/;
const RECORD_IDS_MAX = 2_000;
const TEXT_LENGTH_MAX = 200;
const LAST_MS_OF_9999 = 253_402_300_799_999;

/**
 * Reads a change event as `parseExactJson` gives it: inside an EventBridge envelope (`detail.payload`, changed fields
 * by name) or as Pub/Sub's Avro in JSON (all fields, changed ones as hexadecimal bitmaps). Throws a Refusal whose
 * `details.issues` point into the input: `salesforce.malformed-envelope`, `salesforce.unknown-source`.
 */
export function decodeChangeEvent(body: unknown): ChangeEvent {
  const issues: EnvelopeIssue[] = [];
  const { payload, at, relayed } = payloadOf(body, issues);
  const header = payload?.[HEADER];
  if (!isJsonObject(header) || payload === undefined) {
    issues.push({ pointer: `${at}/${HEADER}`, message: 'The header of the change event is missing.' });
    throw malformed(issues);
  }
  const facts = factsOf(header, `${at}/${HEADER}`, issues);
  const { set, nulled, partial } = changesOf(
    { kind: facts.kind, payload, header, headerName: HEADER, relayed },
    (pointer, message) => issues.push({ pointer: `${at}/${pointer}`, message }),
  );
  if (issues.length > 0) throw malformed(issues);
  return { ...facts, set, nulled, partial };
}

/** What makes the change of one record one fact, however often and in whichever form it is delivered. */
export const factOf = (change: ChangeEvent, recordId: string): readonly string[] => [
  change.transactionKey,
  String(change.sequenceNumber),
  recordId,
];

interface Located {
  readonly payload: JsonObject | undefined;
  readonly at: string;
  /** Relayed by EventBridge: only fields that changed are there. */
  readonly relayed: boolean;
}

function payloadOf(body: unknown, issues: EnvelopeIssue[]): Located {
  if (!isJsonObject(body)) {
    throw malformed([{ pointer: '', message: 'A change event is a JSON object.' }]);
  }
  if (!('detail' in body || 'detail-type' in body || 'source' in body))
    return { payload: body, at: '', relayed: false };
  const source = body['source'];
  if (typeof source !== 'string')
    issues.push({ pointer: '/source', message: 'The envelope does not say where it comes from.' });
  else if (!PARTNER_SOURCE.test(source)) throw unknownSource();
  if (typeof body['detail-type'] !== 'string' || body['detail-type'] === '') {
    issues.push({ pointer: '/detail-type', message: 'The envelope does not say what it holds.' });
  }
  const detail = body['detail'];
  const payload = isJsonObject(detail) ? detail['payload'] : undefined;
  return { payload: isJsonObject(payload) ? payload : undefined, at: '/detail/payload', relayed: true };
}

function factsOf(header: JsonObject, at: string, issues: EnvelopeIssue[]): Omit<ChangeEvent, keyof Changes> {
  const check = (field: string, isRight: boolean, message: string): void => {
    if (!isRight) issues.push({ pointer: `${at}/${field}`, message });
  };
  const { entityName, changeType, transactionKey, sequenceNumber, commitTimestamp, commitNumber } = header;
  const kind = KINDS.find((known) => known === changeType);
  const commitDigits = commitNumber === undefined || commitNumber === null ? undefined : JSON.stringify(commitNumber);
  check('entityName', isName(entityName), 'Send the name of a Salesforce object, such as Account.');
  check('changeType', kind !== undefined, `Send one of ${KINDS.join(', ')}.`);
  check('transactionKey', isShortText(transactionKey), `Send 1 to ${TEXT_LENGTH_MAX} characters.`);
  check(
    'sequenceNumber',
    Number.isSafeInteger(sequenceNumber) && Number(sequenceNumber) >= 0,
    'Send a whole number from 0.',
  );
  check('commitTimestamp', isTimeMs(commitTimestamp), 'Send milliseconds since 1970, before the year 10000.');
  check('commitNumber', commitDigits === undefined || /^\d{1,40}$/.test(commitDigits), 'Send a whole number.');
  return {
    entity: textOf(entityName),
    recordIds: recordIdsOf(header['recordIds'], kind, `${at}/recordIds`, issues),
    kind: kind ?? 'UPDATE',
    transactionKey: textOf(transactionKey),
    sequenceNumber: numberOf(sequenceNumber),
    commitTimestampMs: numberOf(commitTimestamp),
    commitNumber: commitDigits,
  };
}

function recordIdsOf(
  ids: unknown,
  kind: ChangeKind | undefined,
  at: string,
  issues: EnvelopeIssue[],
): readonly string[] {
  const isMissing = ids === undefined || ids === null || (Array.isArray(ids) && ids.length === 0);
  if (kind === 'GAP_OVERFLOW' && isMissing) return [WILDCARD_ID];
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > RECORD_IDS_MAX) {
    issues.push({ pointer: at, message: `Send a list of 1 to ${RECORD_IDS_MAX} record ids.` });
    return [];
  }
  const known = new Set<string>();
  for (const [index, id] of ids.entries()) {
    if (typeof id === 'string' && isSalesforceId(id)) known.add(salesforceId(id));
    else issues.push({ pointer: `${at}/${index}`, message: 'Send a record id of 15 or 18 letters and digits.' });
  }
  return [...known];
}

// What is of another type has been complained about; not everything that JSON can hold lets itself be converted.
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const numberOf = (value: unknown): number => (typeof value === 'number' ? value : 0);

const isName = (value: unknown): boolean => typeof value === 'string' && /^[A-Za-z]\w{0,99}$/.test(value);

// The key becomes part of an event's identity, so it may hold neither line breaks nor other control characters.
const isShortText = (value: unknown): boolean =>
  typeof value === 'string' && /^\P{C}+$/u.test(value) && value.length <= TEXT_LENGTH_MAX;

const isTimeMs = (value: unknown): boolean =>
  Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= LAST_MS_OF_9999;

function malformed(issues: readonly EnvelopeIssue[]): Refusal {
  return new Refusal(
    'salesforce.malformed-envelope',
    `This is not a Salesforce change event: ${issues[0]!.message}`,
    'Send the event as Salesforce delivers it: the EventBridge envelope, or the Pub/Sub event as JSON.',
    { issues },
  );
}

function unknownSource(): Refusal {
  return new Refusal(
    'salesforce.unknown-source',
    'The envelope does not come from a Salesforce partner source.',
    'Route only rules of the source aws.partner/salesforce.com/… to this address.',
    { issues: [{ pointer: '/source', message: 'Expected aws.partner/salesforce.com/….' }] },
  );
}
