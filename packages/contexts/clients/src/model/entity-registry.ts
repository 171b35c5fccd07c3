// Which Salesforce object becomes which kind of record here.

export interface MappedEntity {
  /** The type of the record's stream. */
  readonly streamType: string;
  /** How the record's event types begin: `Client` gives `ClientCreated`. */
  readonly noun: string;
}

/** By `entityName` of the change event. Only clients have a read model; the others are kept, ready for one. */
export const ENTITY_REGISTRY: ReadonlyMap<string, MappedEntity> = new Map([
  ['Account', { streamType: 'client', noun: 'Client' }],
  ['Platform__c', { streamType: 'platform', noun: 'Platform' }],
  ['Contract', { streamType: 'contract', noun: 'Contract' }],
  ['Opportunity', { streamType: 'deal', noun: 'Deal' }],
  ['OpportunityLineItem', { streamType: 'service', noun: 'Service' }],
  ['Product2', { streamType: 'subservice', noun: 'Subservice' }],
]);
