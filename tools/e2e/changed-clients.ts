// Clients that change, straight into the log: what a relay has to tell of.
import type { EventStore } from '@groundwork/application';
import { parseTenantId, streamId, type TenantId } from '@groundwork/domain';
import { newEvent } from '@groundwork/testing';

type Kind = 'CREATE' | 'UPDATE' | 'DELETE' | 'UNDELETE';
const TYPES: Readonly<Record<Kind, string>> = {
  CREATE: 'ClientCreated',
  UPDATE: 'ClientUpdated',
  DELETE: 'ClientDeleted',
  UNDELETE: 'ClientRestored',
};
export const TENANT = parseTenantId('demo');

export class ChangedClients {
  readonly #events: EventStore;
  #clientNumber = 0;
  #changeNumber = 0;

  constructor(events: EventStore) {
    this.#events = events;
  }

  newId(): string {
    return `001Kz${String(++this.#clientNumber).padStart(10, '0')}IAV`;
  }

  /** The id of the event. */
  async change(
    id: string,
    kind: Kind,
    fields: Readonly<Record<string, unknown>> = {},
    tenant: TenantId = TENANT,
  ): Promise<string> {
    const n = ++this.#changeNumber;
    const header = {
      entityName: 'Account',
      recordIds: [id],
      changeType: kind,
      transactionKey: `t-${n}`,
      sequenceNumber: 1,
      commitTimestamp: Date.UTC(2026, 4, 7) + n,
      changedFields: Object.keys(fields),
      nulledFields: [],
      diffFields: [],
    };
    const source = 'aws.partner/salesforce.com/00DKz000001AbCdMAK/0YLKz0000008OqaGAE';
    const detail = { payload: { ChangeEventHeader: header, ...fields } };
    const event = newEvent(TYPES[kind], { 'detail-type': 'AccountChangeEvent', source, detail });
    await this.#events.append({ tenant, stream: streamId('client', id), expected: 'any', events: [event] });
    return event.id;
  }

  /** An active client, created and then changed: the ids of its events in their order. */
  async active(changeCount: number, tenant: TenantId = TENANT): Promise<{ id: string; eventIds: readonly string[] }> {
    const id = this.newId();
    const eventIds = [await this.change(id, 'CREATE', { Account_Status__c: 'Active' }, tenant)];
    for (let n = 1; n < changeCount; n++) {
      eventIds.push(await this.change(id, 'UPDATE', { Name: `${id} ${n}` }, tenant));
    }
    return { id, eventIds };
  }
}
