// Clients as Salesforce tells of them: a made-up feed of changes in both wire forms, the same for the same seed.
import { Random } from '../../apps/api/src/fuzz/random.ts';
import { salesforceId } from '../../packages/contexts/clients/src/model/salesforce-id.ts';

/** Stands in every value that a field of the feed has, and nowhere else: a log that holds it tells too much. */
export const MARK = 'quokkavale';

/** One fact, as EventBridge relays it and as the Pub/Sub API publishes it. */
export interface Change {
  readonly clientId: string;
  readonly kind: 'CREATE' | 'UPDATE' | 'DELETE' | 'UNDELETE';
  readonly forms: readonly [relayed: string, published: string];
}

/** What the list has to show in the end. */
export interface ExpectedClient {
  readonly id: string;
  readonly name: string | null;
  readonly status: string | null;
  readonly industry: string | null;
  readonly description: string | null;
  readonly ssoIdC: string | null;
  readonly billingCountry: string | null;
  readonly businessTypes: readonly string[];
  readonly isDeleted: boolean;
  readonly streamVersion: number;
}

export interface ClientFeed {
  readonly clientId: string;
  readonly changes: readonly Change[];
  readonly expected: ExpectedClient;
}

// In the order in which Salesforce would declare them; bitmaps count from the header, which is field 0.
const FIELDS = ['Name', 'Industry', 'Description', 'Account_Status__c', 'Business_Type__c', 'SSO_ID_Comp__c'] as const;
const ADDRESS = 'BillingAddress';
const ADDRESS_PARTS = ['Street', 'City', 'Country'] as const;
const ADDRESS_INDEX = FIELDS.length + 1;
const PATHS = [...FIELDS, ...ADDRESS_PARTS.map((part) => `${ADDRESS}.${part}` as const)];
type Path = (typeof PATHS)[number];
type Values = Partial<Record<Path, string | null>>;

const FIRST_COMMIT_MS = Date.UTC(2026, 4, 7);

/** `count` changes of one client, beginning with its creation; `group` keeps the clients of several feeds apart. */
export function clientFeed(group: string, number: number, count: number, seed = 20260507): ClientFeed {
  const clientId = salesforceId(`001${group.padEnd(6, 'x')}${String(number).padStart(6, '0')}`);
  const random = new Random(seed + number);
  const values: Values = {};
  const changes: Change[] = [];
  let isDeleted = false;
  for (let n = 1; n <= count; n++) {
    const kind: Change['kind'] =
      n === 1 ? 'CREATE' : isDeleted ? 'UNDELETE' : random.below(12) === 0 ? 'DELETE' : 'UPDATE';
    const touched = kind === 'CREATE' ? PATHS : kind === 'UPDATE' ? somePaths(random) : [];
    const changed: Values = Object.fromEntries(
      touched.map((path) => [path, valueFor(path, kind, `${number}-${n}`, random)]),
    );
    Object.assign(values, changed);
    isDeleted = kind === 'DELETE';
    changes.push({
      clientId,
      kind,
      forms: [relayed(clientId, kind, n, changed), published(clientId, kind, n, changed)],
    });
  }
  return { clientId, changes, expected: expectedOf(clientId, values, isDeleted, count) };
}

/** The feeds of several clients. */
export const clientFeeds = (group: string, clients: number, changesEach: number): readonly ClientFeed[] =>
  Array.from({ length: clients }, (_, number) => clientFeed(group, number, changesEach));

const somePaths = (random: Random): readonly Path[] => [
  ...new Set(Array.from({ length: 1 + random.below(3) }, () => random.pick(PATHS))),
];

function valueFor(path: Path, kind: Change['kind'], what: string, random: Random): string | null {
  if (kind === 'UPDATE' && path !== 'Name' && random.below(5) === 0) return null;
  const value = `${MARK} ${path} ${what} “ß☃”`;
  return path === 'Business_Type__c' ? `${value};${MARK} B` : value;
}

function header(
  clientId: string,
  changeType: string,
  n: number,
  changed: readonly string[],
  nulled: readonly string[],
) {
  return {
    entityName: 'Account',
    recordIds: [clientId],
    changeType,
    changeOrigin: '',
    transactionKey: `e2e-${clientId}-${n}`,
    sequenceNumber: 1,
    commitTimestamp: FIRST_COMMIT_MS + n * 1_000,
    commitUser: '005Gw000001ZyXwIAK',
    nulledFields: nulled,
    diffFields: [],
    changedFields: changed,
  };
}

/** Only what changed is there; names say what. */
function relayed(clientId: string, kind: Change['kind'], n: number, changed: Values): string {
  const touched = kind === 'UPDATE' ? Object.keys(changed) : [];
  const nulled = touched.filter((path) => changed[path as Path] === null);
  const payload = { ChangeEventHeader: header(clientId, kind, n, touched, nulled), ...nested(changed, false) };
  return JSON.stringify({
    'detail-type': 'AccountChangeEvent',
    source: 'aws.partner/salesforce.com/00DKz000001AbCdMAK/0YLKz0000008OqaGAE',
    detail: { payload },
  });
}

/** All fields are there; bitmaps say which of them changed. */
function published(clientId: string, kind: Change['kind'], n: number, changed: Values): string {
  const touched = kind === 'UPDATE' ? (Object.keys(changed) as Path[]) : [];
  const nulled = touched.filter((path) => changed[path] === null);
  return JSON.stringify({
    ChangeEventHeader: header(clientId, kind, n, bitmaps(touched), bitmaps(nulled)),
    ...nested(changed, true),
  });
}

function nested(changed: Values, isComplete: boolean): Record<string, unknown> {
  const present = <Name extends string>(names: readonly Name[], pathOf: (name: Name) => Path): [string, unknown][] =>
    names
      .filter((name) => isComplete || (changed[pathOf(name)] ?? null) !== null)
      .map((name) => [name, changed[pathOf(name)] ?? null]);
  const parts = present(ADDRESS_PARTS, (part) => `${ADDRESS}.${part}`);
  return {
    ...Object.fromEntries(present(FIELDS, (field) => field)),
    ...(parts.length > 0 ? { [ADDRESS]: Object.fromEntries(parts) } : {}),
  };
}

function bitmaps(paths: readonly Path[]): readonly string[] {
  const fields = FIELDS.reduce((bits, field, at) => (paths.includes(field) ? bits | (1 << (at + 1)) : bits), 0);
  const parts = ADDRESS_PARTS.reduce(
    (bits, part, at) => (paths.includes(`${ADDRESS}.${part}`) ? bits | (1 << at) : bits),
    0,
  );
  return [
    ...(fields > 0 ? [`0x${fields.toString(16)}`] : []),
    ...(parts > 0 ? [`${ADDRESS_INDEX}-0x${parts.toString(16)}`] : []),
  ];
}

const expectedOf = (id: string, values: Values, isDeleted: boolean, streamVersion: number): ExpectedClient => ({
  id,
  name: values.Name ?? null,
  status: values.Account_Status__c ?? null,
  industry: values.Industry ?? null,
  description: values.Description ?? null,
  ssoIdC: values.SSO_ID_Comp__c ?? null,
  billingCountry: values['BillingAddress.Country'] ?? null,
  businessTypes: values.Business_Type__c?.split(';') ?? [],
  isDeleted,
  streamVersion,
});
