// Where Salesforce's change events arrive, directly or relayed by EventBridge.
import { endpoint, ExactJson, type Commands, type Endpoint, type Ids } from '@groundwork/application';
import { z } from 'zod';
import { INGEST } from '../../clients.roles.ts';
import type { ChangeEvent } from '../../model/change-event.ts';
import { changeEventOf, orderKeysOf, RECORD_CHANGE } from './record-change.ts';

const body = z.looseObject({}).meta({
  description:
    "A change event as Salesforce delivers it: EventBridge's envelope with `detail.payload.ChangeEventHeader`, or " +
    'the event of the Pub/Sub API as JSON with `ChangeEventHeader` at the top. Stored exactly as it is sent.',
  examples: [
    {
      'detail-type': 'AccountChangeEvent',
      source: 'aws.partner/salesforce.com/00DKz000001AbCdMAK/0YLKz0000008OqaGAE',
      detail: {
        payload: {
          ChangeEventHeader: {
            entityName: 'Account',
            recordIds: ['001Kz00000BqLmNIAV'],
            changeType: 'CREATE',
            transactionKey: '000b2f51-0d3a-4f0e-9a51-0000000000a1',
            sequenceNumber: 1,
            commitTimestamp: 1778192980000,
            nulledFields: [],
            diffFields: [],
            changedFields: [],
          },
          Name: 'Nordlicht Verlag GmbH',
          Account_Status__c: 'Active',
        },
      },
    },
  ],
});

const accepted = z.object({
  id: z.uuid(),
  status: z.string(),
  links: z.object({ command: z.string().describe('Ask here what became of it.') }),
});

/** Answers 202 once the event is stored and survives any crash; a worker does the rest. */
export const postChangeEvent = (commands: Commands, ids: Ids): Endpoint =>
  endpoint({
    method: 'POST',
    path: '/v1/events/salesforce',
    summary: 'Takes one Salesforce change event in either wire form',
    permission: INGEST,
    body,
    responses: {
      202: { description: 'Stored; Location names the command that tells what became of it', schema: accepted },
      422: { description: 'Not a change event, or too long for its many records; errors points at what is wrong' },
    },
    async handle({ body: sent, bodyText, tenant, actor, correlationId, requestId, idempotencyKey }) {
      const change = changeEventOf(sent, bodyText);
      const { command, repeated } = await commands.accept({
        type: RECORD_CHANGE,
        payload: new ExactJson(bodyText),
        tenant,
        actor,
        correlationId,
        requestId,
        orderKeys: orderKeysOf(change),
        ...(idempotencyKey === undefined ? { factKey: factKeyOf(change, ids) } : { idempotencyKey }),
      });
      const location = `/v1/commands/${command.id}`;
      return {
        status: 202,
        body: { id: command.id, status: command.status, links: { command: location } },
        location,
        repeated,
      };
    },
  });

/** The same for every delivery of the event, in whichever wire form. */
const factKeyOf = ({ entity, kind, transactionKey, sequenceNumber, recordIds }: ChangeEvent, ids: Ids): string =>
  `salesforce:${ids.fingerprint(JSON.stringify([entity, kind, transactionKey, sequenceNumber, recordIds]))}`;
