import type { RecordedEvent } from '@groundwork/application';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { published, recorded, relayed, sample, SAMPLE_ID, type Sent } from '../../change-events-under-test.ts';
import { CLIENT_MAPPING, type ClientMapping } from '../../model/client-mapping.ts';
import { clientList } from './client-list.projection.ts';
import { viewOf, type ClientRow, type ClientView } from './client-row.ts';

const list = clientList(CLIENT_MAPPING);

const replayed = (events: readonly RecordedEvent[], projection = list): ClientRow =>
  events.reduce<ClientRow | undefined>((row, event) => projection.apply(row, event), undefined)!;

const TYPES: Record<string, string> = {
  CREATE: 'ClientCreated',
  UPDATE: 'ClientUpdated',
  DELETE: 'ClientDeleted',
  UNDELETE: 'ClientRestored',
};
/** The stream that these changes leave, in the order in which they arrived. */
const stream = (...sent: readonly Sent[]): RecordedEvent[] =>
  sent.map((change, index) => recorded(TYPES[change.kind] ?? 'ClientGapDetected', relayed(change), index + 1));

const create: Sent = { kind: 'CREATE', fields: { Name: 'Acme', Account_Status__c: 'Active', Business_Type__c: 'A;B' } };
const rename: Sent = { kind: 'UPDATE', changed: ['Name'], fields: { Name: 'Acme Ltd' } };

/** All that a row says about the client, apart from how it came to know it. */
const facts = (row: ClientRow): Omit<ClientView, 'streamVersion'> => {
  const { streamVersion: _, ...told } = viewOf(row);
  return told;
};

describe('the client list', () => {
  it('S0-14 has the last values of the stream', () => {
    const update = { kind: 'UPDATE', fields: { Account_Status__c: 'Paused', Account_Priority__c: 'Low' } } as const;
    expect(replayed(stream(create, rename, update))).toMatchObject({
      aggregate_id: SAMPLE_ID,
      salesforce_id: SAMPLE_ID,
      name: 'Acme Ltd',
      name_folded: 'acme ltd',
      status: 'Paused',
      priority: 'Low',
      stream_version: 3,
      mapping_version: 1,
    });
  });

  it('S0-63 an update changes only the fields it names', () => {
    const before = replayed(stream(create));
    const after = replayed(stream(create, { kind: 'UPDATE', changed: ['Industry'], fields: { Industry: 'Media' } }));
    expect(facts(after)).toEqual({ ...facts(before), industry: 'Media' });
  });

  it('S0-64 clearing the types leaves an empty list', () => {
    expect(replayed(stream(create)).business_types).toEqual(['A', 'B']);
    expect(replayed(stream(create, { kind: 'UPDATE', nulled: ['Business_Type__c'] })).business_types).toEqual([]);
  });

  it('S0-16 clearing the company sign-on id falls back to the other', () => {
    const ids = { Orfium_SSO_ID_Comp__c: 'c-1', SSO_ID_SR__c: 'r-1' };
    const signedOn = { kind: 'CREATE', fields: ids } as const;
    expect(replayed(stream(signedOn))).toMatchObject({ sso_id: 'c-1', sso_id_c: 'c-1', sso_id_r: 'r-1' });
    const cleared = stream(signedOn, { kind: 'UPDATE', nulled: ['Orfium_SSO_ID_Comp__c'] });
    expect(replayed(cleared)).toMatchObject({ sso_id: 'r-1', sso_id_c: null, sso_id_r: 'r-1' });
  });

  it('a deletion keeps the row, and restoring brings it back', () => {
    const before = replayed(stream(create));
    expect(facts(replayed(stream(create, { kind: 'DELETE' })))).toEqual({ ...facts(before), isDeleted: true });
    expect(facts(replayed(stream(create, { kind: 'DELETE' }, { kind: 'UNDELETE' })))).toEqual(facts(before));
  });

  it('S0-18 an older event delivered again changes nothing', () => {
    const events = stream(create, rename, { kind: 'DELETE' });
    const row = replayed(events);
    for (const event of [...events].reverse()) expect(list.apply(row, event)).toBe(row);
    expect(row.stream_version).toBe(3);
  });

  it('keeps the last original payload exactly', () => {
    const [first, second] = [sample('account-create.pubsub'), sample('account-update.pubsub')];
    const events = [recorded('ClientCreated', first, 1), recorded('ClientUpdated', second, 2)];
    expect(replayed(events).raw_data?.text).toBe(second);
  });

  it('S0-65 both wire forms of the same changes give the same row', () => {
    const rowFrom = (form: string): ClientRow =>
      replayed([
        recorded('ClientCreated', sample(`account-create.${form}`), 1),
        recorded('ClientUpdated', sample(`account-update.${form}`), 2),
      ]);
    expect(facts(rowFrom('pubsub'))).toEqual(facts(rowFrom('eventbridge')));
    expect(facts(rowFrom('pubsub'))).toMatchObject({ status: 'Paused', billingCountry: 'Denmark', ssoId: 'sso-r-1' });
  });

  it('a gap marks the client for a refetch and changes nothing else', () => {
    const before = replayed(stream(create));
    const after = replayed(stream(create, { kind: 'GAP_UPDATE' }));
    expect(facts(after)).toEqual({ ...facts(before), refetchMarked: true });
  });

  it('a value that came as a difference marks the client for a refetch', () => {
    const update: Sent = { kind: 'UPDATE', diff: ['Description'], fields: { Description: '@@ -1 +1 @@' } };
    expect(replayed(stream(create, update))).toMatchObject({ description: null, refetch_marked: true });
  });

  it('an operator may mark it, too', () => {
    const row = replayed([...stream(create), recorded('ClientRefetchRequested', 'null', 2)]);
    expect(row).toMatchObject({ name: 'Acme', refetch_marked: true, stream_version: 2 });
    expect(row.raw_data?.text).toBe(relayed(create));
  });

  it('leaves other streams alone', () => {
    expect(list.keyOf({ ...recorded('ClientCreated', '{}', 1), stream: { type: 'deal', id: 'x' } })).toBeUndefined();
    expect(list.keyOf(recorded('ClientCreated', '{}', 1))).toBe(SAMPLE_ID);
  });
});

describe('changes before the creation', () => {
  it('are shown as far as they go, waiting for the rest', () => {
    const row = replayed(stream(rename));
    expect(row).toMatchObject({ name: 'Acme Ltd', status: null, awaiting_backfill: true });
  });

  it('give the same client as if the creation had come first', () => {
    const deletion: Sent = { kind: 'DELETE' };
    const clearing: Sent = { kind: 'UPDATE', nulled: ['Business_Type__c'] };
    for (const changes of [
      [rename],
      [clearing],
      [rename, deletion],
      [rename, clearing, deletion, { kind: 'UNDELETE' } as Sent],
    ]) {
      const [late, first] = [replayed(stream(...changes, create)), replayed(stream(create, ...changes))];
      expect(late).toEqual(first);
    }
  });
});

describe('changes that arrive in another order than they were committed in', () => {
  const renamed = (name: string, order: Partial<Sent>): Sent => ({ kind: 'UPDATE', fields: { Name: name }, ...order });
  const [at980, at985, at990] = [980, 985, 990].map((seconds) => ({ atMs: 1_778_192_000_000 + seconds * 1_000 }));

  it('keep the newest value, and an older change still tells what no newer one has', () => {
    const older: Sent = { kind: 'UPDATE', ...at985, fields: { Name: 'older', Industry: 'Media' } };
    const row = replayed(stream({ ...create, ...at980 }, renamed('newest', at990!), older));
    expect(row).toMatchObject({ name: 'newest', name_folded: 'newest', industry: 'Media', stream_version: 3 });
    expect(row.raw_data?.text).toContain('newest');
  });

  it('leave a client deleted that was restored before, and restored that was deleted before', () => {
    const [first, then]: [Partial<Sent>, Partial<Sent>] = [at985!, at990!];
    const isDeleted = (...changes: Sent[]) => replayed(stream(create, ...changes)).is_deleted;
    expect(isDeleted({ kind: 'DELETE', ...then }, { kind: 'UNDELETE', ...first })).toBe(true);
    expect(isDeleted({ kind: 'UNDELETE', ...then }, { kind: 'DELETE', ...first })).toBe(false);
  });

  it.each<[string, Partial<Sent>, Partial<Sent>]>([
    [
      'the commit number to its last digit',
      { commitNumber: '1778192987716501506' },
      { commitNumber: '1778192987716501507' },
    ],
    ['the time rather than the number', { commitNumber: '2', ...at985 }, { commitNumber: '1', ...at990 }],
    ['the time where one has no number', { commitNumber: '9', ...at985 }, at990!],
    [
      'the sequence inside a commit',
      { commitNumber: '1', sequenceNumber: 1 },
      { commitNumber: '1', sequenceNumber: 2 },
    ],
    ['the sequence at one time', { sequenceNumber: 1 }, { sequenceNumber: 2 }],
  ])('are ordered by %s', (_, older, newer) => {
    for (const changes of [
      [renamed('older', older), renamed('newer', newer)],
      [renamed('newer', newer), renamed('older', older)],
    ])
      expect(replayed(stream(create, ...changes)).name).toBe('newer');
  });

  it('take the later one for the newer when nothing tells them apart', () => {
    expect(replayed(stream(create, renamed('one', at985!), renamed('other', at985!))).name).toBe('other');
  });
});

describe('the mapping', () => {
  it('S0-74 a corrected mapping gives right values from old events, and asks for a rebuild', () => {
    const events = stream({ kind: 'CREATE', fields: { Name: 'Acme', Status__c: 'Active' } });
    const corrected: ClientMapping = {
      version: 2,
      columns: CLIENT_MAPPING.columns.map((mapped) =>
        mapped.column === 'status' ? { column: 'status', from: ['Status__c'] } : mapped,
      ),
    };
    expect(replayed(events)).toMatchObject({ status: null, mapping_version: 1 });
    expect(replayed(events, clientList(corrected))).toMatchObject({ status: 'Active', mapping_version: 2 });
    expect(clientList(corrected).schemaVersion).toBeGreaterThan(list.schemaVersion);
  });
});

describe('any sequence of updates', () => {
  const FIELDS = ['Name', 'Account_Status__c', 'Industry', 'Description', 'Business_Type__c'] as const;
  const COLUMNS = {
    Name: 'name',
    Account_Status__c: 'status',
    Industry: 'industry',
    Description: 'description',
  } as const;
  const value = fc.stringMatching(/^[a-z]{1,5}$/);
  const update = fc.dictionary(fc.constantFrom(...FIELDS), fc.option(value), { minKeys: 1 });

  /** Bit 0 is the header, then the fields in their order. */
  const bitmap = (names: readonly string[]): string[] =>
    names.length === 0
      ? []
      : [`0x${FIELDS.reduce((bits, name, at) => bits | (names.includes(name) ? 1 << (at + 1) : 0), 0).toString(16)}`];
  const inNames = (fields: Record<string, string | null>): string => {
    const set = Object.entries(fields).filter(([, text]) => text !== null);
    const nulled = Object.keys(fields).filter((name) => fields[name] === null);
    return relayed({ kind: 'UPDATE', changed: Object.keys(fields), nulled, fields: Object.fromEntries(set) });
  };
  const inBitmaps = (fields: Record<string, string | null>): string => {
    const nulled = Object.keys(fields).filter((name) => fields[name] === null);
    const all = Object.fromEntries(FIELDS.map((name) => [name, fields[name] ?? null]));
    return published({ kind: 'UPDATE', changed: bitmap(Object.keys(fields)), nulled: bitmap(nulled), fields: all });
  };

  it('S0-63 leaves in every field the last value written to it, in either wire form', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ fields: update, byName: fc.boolean() }), { maxLength: 12 }), (updates) => {
        const events = [
          ...stream(create),
          ...updates.map(({ fields, byName }, at) =>
            recorded('ClientUpdated', byName ? inNames(fields) : inBitmaps(fields), at + 2),
          ),
        ];
        const row = replayed(events);
        const last: Record<string, unknown> = Object.assign({}, create.fields, ...updates.map(({ fields }) => fields));
        for (const [field, column] of Object.entries(COLUMNS)) expect(row[column]).toBe(last[field] ?? null);
        const types = last['Business_Type__c'] as string | null;
        expect(row.business_types).toEqual(types === null ? [] : types.split(';'));
      }),
    );
  });

  it('gives the identical row in whichever order changes of different commits arrive', () => {
    const kind = fc.constantFrom('UPDATE', 'UPDATE', 'DELETE', 'UNDELETE', 'GAP_UPDATE', 'CREATE');
    const numbered = fc.constantFrom<(n: number) => Partial<Sent>>(
      (n) => ({ atMs: Date.UTC(2026, 4, 7) + n }),
      (n) => ({ commitNumber: String(1_778_192_987_716_501_500n + BigInt(n)) }),
      (n) => ({
        atMs: Date.UTC(2026, 4, 7) + n,
        ...(n % 2 === 0 ? { commitNumber: String(2n ** 60n + BigInt(n)) } : {}),
      }),
    );
    const told = fc.uniqueArray(fc.record({ kind, fields: update }), {
      selector: ({ kind: one }) => (one === 'CREATE' ? one : {}),
      maxLength: 4,
    });
    fc.assert(
      fc.property(told, numbered, (changes, orderAt) => {
        const sent = changes.map(({ kind: one, fields }, n): Sent => {
          const nulled = one === 'UPDATE' ? Object.keys(fields).filter((name) => fields[name] === null) : [];
          const set = Object.fromEntries(Object.entries(fields).filter(([, text]) => text !== null));
          return { kind: one as Sent['kind'], nulled, fields: set, ...orderAt(n) };
        });
        // Salesforce creates a record before it does anything else with it.
        const inOrder = sent.toSorted((a, b) => Number(b.kind === 'CREATE') - Number(a.kind === 'CREATE'));
        const expected = inOrder.length === 0 ? undefined : replayed(stream(...inOrder));
        for (const order of permutations(inOrder)) {
          expect(order.length === 0 ? undefined : replayed(stream(...order))).toEqual(expected);
        }
      }),
    );
  });

  it('a replay gives the same row again, and each step depends on the one before alone', () => {
    fc.assert(
      fc.property(fc.array(update, { maxLength: 8 }), fc.nat(8), (updates, cut) => {
        const events = [
          ...stream(create),
          ...updates.map((fields, at) => recorded('ClientUpdated', inNames(fields), at + 2)),
        ];
        const half = replayed(events.slice(0, cut + 1));
        const whole = events.slice(cut + 1).reduce<ClientRow>((row, event) => list.apply(row, event)!, half);
        expect(whole).toEqual(replayed(events));
      }),
    );
  });
});

function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length < 2) return [items];
  return items.flatMap((item, at) => permutations(items.toSpliced(at, 1)).map((others) => [item, ...others]));
}
