// Change events as the tests of this context send and store them.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseExactJson, type RecordedEvent } from '@groundwork/application';
import { parseTenantId, type Uuid } from '@groundwork/domain';
import type { ChangeKind } from './model/change-event.ts';

export const SAMPLE_ID = '001Kz00000BqLmNIAV';
export const SAMPLE_TENANT = parseTenantId('demo');

const own = new URL('../fixtures/', import.meta.url);
const real = new URL('../../../../../shared/fixtures/salesforce/', import.meta.url);

/** The text of one of this package's own inputs: `account-create.pubsub`. */
export const sample = (name: string): string => readFileSync(new URL(`${name}.json`, own), 'utf8');

/** Whether the inputs that were collected from other projects lie beside this repository. */
export const hasRealSamples = existsSync(fileURLToPath(real));
export const realSample = (name: string): string => readFileSync(new URL(`${name}.json`, real), 'utf8');

export interface Sent {
  readonly kind: ChangeKind;
  readonly ids?: readonly string[];
  readonly entity?: string;
  readonly transactionKey?: string;
  readonly sequenceNumber?: number;
  readonly atMs?: number;
  /** Digits: it may exceed what a number holds. */
  readonly commitNumber?: string;
  readonly changed?: readonly string[];
  readonly nulled?: readonly string[];
  readonly diff?: readonly string[];
  readonly fields?: Readonly<Record<string, unknown>>;
}

// JSON.rawJSON is ECMAScript 2026; TypeScript's libraries do not know it yet.
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

const headerOf = (sent: Sent): object => ({
  entityName: sent.entity ?? 'Account',
  recordIds: sent.ids ?? [SAMPLE_ID],
  changeType: sent.kind,
  transactionKey: sent.transactionKey ?? 'transaction-1',
  sequenceNumber: sent.sequenceNumber ?? 1,
  commitTimestamp: sent.atMs ?? Date.UTC(2026, 4, 7),
  ...(sent.commitNumber === undefined ? {} : { commitNumber: rawJson(sent.commitNumber) }),
  nulledFields: sent.nulled ?? [],
  diffFields: sent.diff ?? [],
  changedFields: sent.changed ?? [],
});

/** An event as EventBridge delivers it: only the fields that are given. */
export const relayed = (sent: Sent): string =>
  JSON.stringify({
    'detail-type': `${sent.entity ?? 'Account'}ChangeEvent`,
    source: 'aws.partner/salesforce.com/00DKz000001AbCdMAK/0YLKz0000008OqaGAE',
    detail: { payload: { ChangeEventHeader: headerOf(sent), ...sent.fields } },
  });

/** An event as Pub/Sub delivers it: the fields must be all that the schema declares, null where nothing changed. */
export const published = (sent: Sent): string => JSON.stringify({ ChangeEventHeader: headerOf(sent), ...sent.fields });

/** An event as the log gives it back. */
export function recorded(type: string, dataText: string, streamVersion: number, id = SAMPLE_ID): RecordedEvent {
  const at = new Date(Date.UTC(2026, 4, 7) + streamVersion);
  return {
    position: BigInt(streamVersion),
    tenant: SAMPLE_TENANT,
    stream: { type: 'client', id },
    streamVersion,
    part: 0,
    id: `00000000-0000-7000-8000-${String(streamVersion).padStart(12, '0')}` as Uuid,
    type,
    schemaVersion: 1,
    source: 'salesforce',
    occurredAt: at,
    recordedAt: at,
    metadata: { actor: 'tester', correlationId: 'correlation-1' },
    validation: undefined,
    dataText,
    get data() {
      return parseExactJson(dataText);
    },
  };
}
