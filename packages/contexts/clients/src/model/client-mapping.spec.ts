import { parseExactJson } from '@groundwork/application';
import { describe, expect, it } from '@jest/globals';
import { sample } from '../change-events-under-test.ts';
import { decodeChangeEvent } from './change-event.ts';
import { CLIENT_MAPPING, derivedValues, mappedValues } from './client-mapping.ts';

const mapped = (set: Record<string, unknown>, nulled: string[] = []) =>
  mappedValues(CLIENT_MAPPING, { set: new Map(Object.entries(set)), nulled: new Set(nulled) });

describe('the mapping', () => {
  it.each(['account-create.eventbridge', 'account-create.pubsub'])('fills every column from %s', (name) => {
    const change = decodeChangeEvent(parseExactJson(sample(name)));
    expect(mappedValues(CLIENT_MAPPING, change)).toEqual({
      name: 'Nordlicht Verlag GmbH',
      status: 'Active',
      priority: 'High',
      parent_id: '001Kz00000AaParIAF',
      business_types: ['Publisher', 'Label'],
      currency: 'EUR',
      billing_country: 'Germany',
      industry: 'Media',
      sso_id_c: 'sso-c-1',
      sso_id_r: 'sso-r-1',
      description: 'Publisher of sheet music.',
      last_modified_at: new Date('2026-05-07T22:29:40.000Z'),
      system_modified_at: new Date('2026-05-07T22:29:40.000Z'),
      last_activity_at: new Date('2026-05-06T00:00:00.000Z'),
      created_at: new Date('2026-05-07T22:29:40.000Z'),
    });
  });

  it('business types are a list: several, one, and none after clearing', () => {
    expect(mapped({ Business_Type__c: 'A;B' })).toEqual({ business_types: ['A', 'B'] });
    expect(mapped({ Business_Type__c: 'A' })).toEqual({ business_types: ['A'] });
    expect(mapped({}, ['Business_Type__c'])).toEqual({ business_types: [] });
  });

  it('S0-16 the company sign-on id goes before the other; clearing it falls back', () => {
    const both = { sso_id_c: 'c', sso_id_r: 'r' };
    expect(derivedValues(CLIENT_MAPPING, both)).toEqual({ sso_id: 'c' });
    expect(derivedValues(CLIENT_MAPPING, { ...both, sso_id_c: null })).toEqual({ sso_id: 'r' });
    expect(derivedValues(CLIENT_MAPPING, { sso_id_c: '', sso_id_r: null })).toEqual({ sso_id: null });
  });

  it('touches nothing that the change does not touch', () => {
    expect(mapped({ NumberOfEmployees: 7 }, ['Rating'])).toEqual({});
  });

  it('S0-64 clearing a compound field clears what is mapped from its parts', () => {
    expect(mapped({}, ['BillingAddress'])).toEqual({ billing_country: null });
  });

  it('takes the country from either form of the address', () => {
    expect(mapped({ BillingCountry: 'Malta' })).toEqual({ billing_country: 'Malta' });
    expect(mapped({ 'BillingAddress.Country': 'Malta' })).toEqual({ billing_country: 'Malta' });
  });

  it('keeps terms short enough for an index and never cuts a character', () => {
    const { status } = mapped({ Account_Status__c: '🎵'.repeat(300) });
    expect(status).toBe('🎵'.repeat(255));
  });

  it('a time of any year from 1 to 9999 is kept, whatever was dropped before 1900', () => {
    for (const text of ['0001-01-01T00:00:00.000Z', '1899-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z']) {
      expect(mapped({ CreatedDate: text })).toEqual({ created_at: new Date(text) });
      expect(mapped({ CreatedDate: Date.parse(text) })).toEqual({ created_at: new Date(text) });
    }
    for (const text of ['0000-12-31T23:59:59Z', '0001-01-01T00:00:00+14:00', '9999-12-31T23:59:59-14:00']) {
      expect(mapped({ CreatedDate: text })).toEqual({ created_at: null });
    }
  });

  it('what is no time is none, and a number is written as its digits', () => {
    expect(mapped({ CreatedDate: 'yesterday' })).toEqual({ created_at: null });
    expect(mapped({ CreatedDate: 1e300 })).toEqual({ created_at: null });
    expect(mapped(parseExactJson('{"Name":1778192987716501507}') as Record<string, unknown>)).toEqual({
      name: '1778192987716501507',
    });
  });
});
