import { parseExactJson } from '@groundwork/application';
import { Refusal } from '@groundwork/domain';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  hasRealSamples,
  published,
  realSample,
  relayed,
  sample,
  SAMPLE_ID,
  type Sent,
} from '../change-events-under-test.ts';
import { decodeChangeEvent, type ChangeEvent } from './change-event.ts';

const decoded = (text: string): ChangeEvent => decodeChangeEvent(parseExactJson(text));
const setBy = (text: string): Record<string, unknown> => Object.fromEntries(decoded(text).set);

describe('the header', () => {
  it('is read from both wire forms, the commit number digit for digit', () => {
    for (const text of [sample('account-create.eventbridge'), sample('account-create.pubsub')]) {
      expect(decoded(text)).toMatchObject({
        entity: 'Account',
        recordIds: [SAMPLE_ID],
        kind: 'CREATE',
        transactionKey: '000b2f51-0d3a-4f0e-9a51-0000000000a1',
        sequenceNumber: 1,
        commitTimestampMs: 1778192980000,
        commitNumber: '1778192987716501507',
      });
    }
  });

  it('gives each record once, in its 18-character form', () => {
    const ids = ['001Kz00000BqLmN', SAMPLE_ID, '0015f00002J9YYE'];
    expect(decoded(relayed({ kind: 'UPDATE', ids })).recordIds).toEqual([SAMPLE_ID, '0015f00002J9YYEAA3']);
  });

  it('may leave out the ids of an overflow, which is about all records', () => {
    expect(decoded(relayed({ kind: 'GAP_OVERFLOW', ids: [] })).recordIds).toEqual(['000000000000000AAA']);
  });
});

describe('the fields', () => {
  it('S0-64 an update clears what nulledFields names and leaves alone what is merely absent', () => {
    const change = decoded(relayed({ kind: 'UPDATE', nulled: ['Industry'], fields: { Name: 'Acme' } }));
    expect(Object.fromEntries(change.set)).toEqual({ Name: 'Acme' });
    expect([...change.nulled]).toEqual(['Industry']);
  });

  it('S0-65 both wire forms of one update give the same changes', () => {
    const [byName, byBitmap] = [
      decoded(sample('account-update.eventbridge')),
      decoded(sample('account-update.pubsub')),
    ];
    const comparable = ({ set, nulled }: ChangeEvent) => ({
      set: { ...Object.fromEntries(set), LastModifiedDate: new Date(set.get('LastModifiedDate') as string | number) },
      nulled: [...nulled],
    });
    expect(comparable(byBitmap)).toEqual(comparable(byName));
    expect(comparable(byName)).toEqual({
      set: {
        Account_Status__c: 'Paused',
        Business_Type__c: 'Label',
        'BillingAddress.Street': 'Kai 7',
        'BillingAddress.Country': 'Denmark',
        LastModifiedDate: new Date('2026-05-07T22:29:47.000Z'),
      },
      nulled: ['Orfium_SSO_ID_Comp__c'],
    });
  });

  it('S0-65 4-0x10 is the fifth part of field 4, and the other parts of the address stay', () => {
    const BillingAddress = { Street: 'Old', City: null, State: null, PostalCode: null, Country: 'France' };
    const fields = { Name: null, Type: null, ParentId: null, BillingAddress, Industry: null };
    expect(setBy(published({ kind: 'UPDATE', changed: ['4-0x10'], fields }))).toEqual({
      'BillingAddress.Country': 'France',
    });
    const cleared = decoded(
      published({ kind: 'UPDATE', nulled: ['4-0x10'], fields: { ...fields, BillingAddress: null } }),
    );
    expect([...cleared.nulled]).toEqual(['BillingAddress.Country']);
  });

  it('S0-66 a compound name changes one part, whatever else the address holds', () => {
    const fields = { BillingAddress: { Street: 'Kai 7', City: 'Elsewhere', Country: null } };
    const change = decoded(relayed({ kind: 'UPDATE', changed: ['BillingAddress.Street'], fields }));
    expect(Object.fromEntries(change.set)).toEqual({ 'BillingAddress.Street': 'Kai 7' });
    expect(change.nulled.size).toBe(0);
  });

  it('a compound field that changed as a whole sets its parts and clears its empty ones', () => {
    const fields = { BillingAddress: { Street: 'Kai 7', Country: null } };
    const change = decoded(published({ kind: 'UPDATE', changed: ['0x2'], fields }));
    expect(Object.fromEntries(change.set)).toEqual({ 'BillingAddress.Street': 'Kai 7' });
    expect([...change.nulled]).toEqual(['BillingAddress.Country']);
  });

  it('S0-63 Pub/Sub repeats no value: only what the bitmap marks is a change', () => {
    const fields = { Name: 'Unchanged', Industry: 'Media', Rating: null };
    expect(setBy(published({ kind: 'UPDATE', changed: ['0x4'], fields }))).toEqual({ Industry: 'Media' });
  });

  it('a creation sets every field that has a value', () => {
    expect(setBy(published({ kind: 'CREATE', fields: { Name: 'Acme', Industry: null } }))).toEqual({ Name: 'Acme' });
  });

  it('a gap event tells no fields', () => {
    expect(decoded(relayed({ kind: 'GAP_UPDATE', fields: { Name: 'x' } })).set.size).toBe(0);
  });

  it('a difference is not taken for a value', () => {
    const sent: Sent = {
      kind: 'UPDATE',
      diff: ['Description'],
      changed: ['Description'],
      fields: { Description: '--- a\n+++ b' },
    };
    expect(decoded(relayed(sent)).set.size).toBe(0);
    expect([...decoded(relayed(sent)).partial]).toEqual(['Description']);
  });

  it('names that every object inherits are names like any other', () => {
    expect(decoded(relayed({ kind: 'UPDATE', changed: ['toString', 'hasOwnProperty'], fields: {} })).set.size).toBe(0);
  });
});

describe('what is no change event', () => {
  const refusalOf = (body: unknown): Refusal => {
    try {
      decodeChangeEvent(body);
    } catch (error) {
      return error as Refusal;
    }
    throw new Error('It was accepted.');
  };
  const pointersOf = (body: unknown) =>
    (refusalOf(body).details['issues'] as { pointer: string }[]).map(({ pointer }) => pointer);
  const envelope = () => parseExactJson(relayed({ kind: 'CREATE' })) as Record<string, unknown>;

  it('S0-61 an envelope of another source is refused, pointing to it', () => {
    for (const source of ['aws.s3', 'aws.partner/salesforce.com.evil/x', 'salesforce.com']) {
      expect(refusalOf({ ...envelope(), source }).code).toBe('salesforce.unknown-source');
      expect(pointersOf({ ...envelope(), source })).toEqual(['/source']);
    }
  });

  it('S0-61 an envelope without detail-type or header is refused, pointing to the field', () => {
    const { 'detail-type': _, ...withoutType } = envelope();
    expect(pointersOf(withoutType)).toEqual(['/detail-type']);
    expect(pointersOf({ ...envelope(), detail: { payload: { Name: 'x' } } })).toEqual([
      '/detail/payload/ChangeEventHeader',
    ]);
    expect(pointersOf({ ...envelope(), detail: 7 })).toEqual(['/detail/payload/ChangeEventHeader']);
    expect(pointersOf({ Name: 'x' })).toEqual(['/ChangeEventHeader']);
  });

  it('tells of all faults of a header at once', () => {
    const header = {
      entityName: '',
      recordIds: ['short'],
      changeType: 'MERGE',
      sequenceNumber: -1,
      commitTimestamp: '2026',
    };
    expect(pointersOf({ ChangeEventHeader: header })).toEqual(
      ['entityName', 'changeType', 'transactionKey', 'sequenceNumber', 'commitTimestamp', 'recordIds/0'].map(
        (field) => `/ChangeEventHeader/${field}`,
      ),
    );
  });

  it('a bitmap beyond the declared fields is refused, pointing to it', () => {
    const body = parseExactJson(published({ kind: 'UPDATE', changed: ['0x400800', '9-0x1'], fields: { Name: null } }));
    expect(pointersOf(body)).toEqual(['/ChangeEventHeader/changedFields/0', '/ChangeEventHeader/changedFields/1']);
  });

  it('whatever is sent, the answer is a change event or a refusal that says where', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (value, header, list) => {
        for (const body of [
          value,
          { ChangeEventHeader: header },
          JSON.parse(published({ kind: 'UPDATE', changed: [list as string], fields: { x: value } })),
        ]) {
          try {
            expect(decodeChangeEvent(body).recordIds.length).toBeGreaterThan(0);
          } catch (error) {
            expect(error).toBeInstanceOf(Refusal);
          }
        }
      }),
    );
  });
});

(hasRealSamples ? describe : describe.skip)('inputs collected from other projects', () => {
  it('0x400800 marks Industry and LastModifiedDate', () => {
    expect(setBy(realSample('account_update_merged_three_records_pubsub'))).toEqual({
      Industry: 'Apparel',
      LastModifiedDate: 1714170102000,
    });
  });

  it('merged events name all their records', () => {
    expect(decoded(realSample('account_update_merged_three_records_pubsub')).recordIds).toHaveLength(3);
    expect(decoded(realSample('account_create_eventbridge_two_records')).recordIds).toHaveLength(2);
  });

  it('a creation is the same in both wire forms, but for the fields that EventBridge was not given', () => {
    const byBus = setBy(realSample('account_create_eventbridge_two_records'));
    expect(setBy(realSample('account_create_pubsub'))).toMatchObject(byBus);
  });
});
