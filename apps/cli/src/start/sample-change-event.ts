// A made-up client, in the form in which Salesforce tells that it was created.

/** A change event of an account, committed at `now`. */
export function sampleChangeEvent(now: Date): object {
  const at = now.getTime();
  return {
    ChangeEventHeader: {
      entityName: 'Account',
      recordIds: ['001Gw000009AbCdIAK'],
      changeType: 'CREATE',
      changeOrigin: '',
      transactionKey: `00000000-0000-4000-8000-${at.toString(16).padStart(12, '0')}`,
      sequenceNumber: 1,
      commitTimestamp: at,
      commitNumber: at,
      commitUser: '005Gw000001ZyXwIAK',
      nulledFields: [],
      diffFields: [],
      changedFields: [],
    },
    Name: 'Harbour Street Bakery',
    Industry: 'Food & Beverage',
    BillingAddress: { Street: '12 Harbour Street', City: 'Bergen', PostalCode: '5003', Country: 'Norway' },
    CreatedDate: at,
    LastModifiedDate: at,
  };
}
