import { streamId } from '@groundwork/domain';
import { collected } from '@groundwork/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  hasRealSamples,
  realSample,
  relayed,
  sample,
  SAMPLE_ID,
  SAMPLE_TENANT,
  type Sent,
} from '../../change-events-under-test.ts';
import { clientsUnderTest, type ClientsUnderTest } from '../../clients-under-test.ts';

const OTHER_ID = '0015f00002J9YYEAA3';
const create: Sent = { kind: 'CREATE', fields: { Name: 'Acme' } };

let clients: ClientsUnderTest;
const start = async (...env: Parameters<typeof clientsUnderTest>): Promise<ClientsUnderTest> => {
  clients = await clientsUnderTest(...env);
  return clients;
};
afterEach(() => clients.close());

const eventsOf = (type: string, id: string) => collected(clients.events.readStream(SAMPLE_TENANT, streamId(type, id)));

describe('posting a change event', () => {
  it('S0-60 is answered 202 with the address of a command that tells what became of it', async () => {
    const { call, settle } = await start();
    const answer = await call('POST /v1/events/salesforce', { body: relayed(create) });
    const { id } = answer.body as { id: string };
    expect(answer).toMatchObject({ status: 202, location: `/v1/commands/${id}`, body: { status: 'pending' } });
    await settle();
    const again = await call('POST /v1/events/salesforce', { body: relayed(create) });
    expect(again).toMatchObject({ status: 202, repeated: true, body: { id, status: 'processed' } });
  });

  it('is refused when storing it with each of its records would take more than 128 MB', async () => {
    const { call } = await start();
    const idOf = (n: number) => `0015f000${String(n).padStart(7, '0')}`;
    const body = (ids: number, nameLength: number) =>
      relayed({
        ...create,
        ids: Array.from({ length: ids }, (_, n) => idOf(n)),
        fields: { Name: 'é'.repeat(nameLength) },
      });
    await expect(call('POST /v1/events/salesforce', { body: body(2_000, 20_000) })).rejects.toMatchObject({
      code: 'salesforce.too-many-records',
      message: expect.stringContaining('2000 records'),
    });
    expect(await call('POST /v1/events/salesforce', { body: body(2_000, 100) })).toMatchObject({ status: 202 });
    expect(await call('POST /v1/events/salesforce', { body: body(1, 20_000) })).toMatchObject({ status: 202 });
  });

  it('S0-61 an envelope of another source is refused with a pointer, and nothing is stored', async () => {
    const { call } = await start();
    const body = relayed(create).replace('aws.partner/salesforce.com', 'aws.s3');
    await expect(call('POST /v1/events/salesforce', { body })).rejects.toMatchObject({
      code: 'salesforce.unknown-source',
      issues: [{ pointer: '/source' }],
    });
  });

  it('S0-61 needs the permission to send', async () => {
    const { call } = await start();
    const body = relayed(create);
    const refused = call('POST /v1/events/salesforce', { body, permissions: ['clients:read'] });
    await expect(refused).rejects.toMatchObject({ code: 'security.not-permitted' });
  });

  it('S0-08 stores exactly the text that was sent, with who, when and where from', async () => {
    const { post } = await start();
    const text = sample('account-create.eventbridge');
    await post(text);
    const [event] = await eventsOf('client', SAMPLE_ID);
    expect(event).toMatchObject({
      type: 'ClientCreated',
      source: 'salesforce',
      streamVersion: 1,
      dataText: text,
      occurredAt: new Date(1778192980000),
      metadata: { actor: 'tester', correlationId: 'correlation-1', requestId: 'request-1' },
      validation: { mappingVersion: 1 },
    });
    expect(event!.dataText).toContain('1778192987716501507');
  });

  it('S0-62 an event about several records becomes one event on the stream of each', async () => {
    const { post } = await start();
    const { result } = await post(relayed({ ...create, ids: [SAMPLE_ID, OTHER_ID] }));
    expect(result).toMatchObject({
      records: [
        { id: SAMPLE_ID, event: 'ClientCreated', streamVersion: 1, position: '1', repeated: false },
        { id: OTHER_ID, event: 'ClientCreated', streamVersion: 1, position: '2', repeated: false },
      ],
      position: '2',
    });
  });

  it('S0-67 delivered again, under another key or in the other wire form, it stores nothing and answers as before', async () => {
    const { post } = await start();
    const first = await post(sample('account-create.eventbridge'));
    const sameKey = await post(sample('account-create.pubsub'));
    const otherKey = await post(sample('account-create.pubsub'), { idempotencyKey: 'again' });
    expect(sameKey.id).toBe(first.id);
    expect(otherKey.id).not.toBe(first.id);
    const [record] = first.result!['records'] as object[];
    expect(otherKey.result).toEqual({ ...first.result, records: [{ ...record, repeated: true }] });
    expect(await eventsOf('client', SAMPLE_ID)).toHaveLength(1);
  });

  it('S0-67 delivered fifty times at once it is stored once', async () => {
    const { call, settle } = await start();
    const forms = [sample('account-create.eventbridge'), sample('account-create.pubsub')];
    const calls = Array.from({ length: 50 }, (_, n) =>
      call('POST /v1/events/salesforce', { body: forms[n % 2]!, idempotencyKey: `delivery-${n}` }),
    );
    await Promise.all(calls);
    await settle();
    expect(await eventsOf('client', SAMPLE_ID)).toHaveLength(1);
  });
});

describe('what the rules say', () => {
  it('S0-69 a second creation is a recorded rejection; the other records of the event are stored', async () => {
    const { post } = await start();
    await post(relayed(create));
    const command = await post(relayed({ ...create, ids: [SAMPLE_ID, OTHER_ID], transactionKey: 'transaction-2' }));
    expect(command).toMatchObject({
      status: 'failed',
      error: {
        code: 'client.already-exists',
        details: {
          records: [
            { id: SAMPLE_ID, refused: { code: 'client.already-exists' } },
            { id: OTHER_ID, event: 'ClientCreated', streamVersion: 1 },
          ],
        },
      },
    });
    expect(await eventsOf('client', SAMPLE_ID)).toHaveLength(1);
    expect(await eventsOf('client', OTHER_ID)).toHaveLength(1);
  });

  it('S0-10 an update of an unknown record is kept and marked for backfill', async () => {
    const { post } = await start();
    const { status } = await post(relayed({ kind: 'UPDATE', fields: { Name: 'Acme' } }));
    const [event] = await eventsOf('client', SAMPLE_ID);
    expect(status).toBe('processed');
    expect(event).toMatchObject({
      type: 'ClientUpdated',
      validation: {
        backfill: 'marked',
        mappingVersion: 1,
        rules: [
          { rule: 'envelope-readable', outcome: 'passed' },
          { rule: 'entity-registered', outcome: 'passed' },
          { rule: 'record-complete', outcome: 'noted' },
        ],
      },
    });
  });

  it('a gap event is kept and marked', async () => {
    const { post } = await start();
    await post(relayed(create));
    await post(relayed({ kind: 'GAP_UPDATE', transactionKey: 'transaction-2' }));
    expect((await eventsOf('client', SAMPLE_ID)).map(({ type }) => type)).toEqual([
      'ClientCreated',
      'ClientGapDetected',
    ]);
    expect((await eventsOf('client', SAMPLE_ID)).map(({ validation }) => validation?.backfill)).toEqual([
      undefined,
      'marked',
    ]);
  });

  it.each<Sent>([
    { kind: 'GAP_OVERFLOW', ids: [] },
    { kind: 'GAP_UPDATE', ids: ['000000000000000AAA'] },
  ])('an event about more records than it names is kept on the stream of its feed: %j', async (sent) => {
    const { post } = await start();
    await post(relayed(sent));
    expect(await eventsOf('feed', 'Account')).toMatchObject([
      { type: 'FeedOverflowed', validation: { backfill: 'marked' } },
    ]);
  });
});

describe('Salesforce objects', () => {
  it.each([
    ['Account', 'client', 'ClientCreated'],
    ['Platform__c', 'platform', 'PlatformCreated'],
    ['Contract', 'contract', 'ContractCreated'],
    ['Opportunity', 'deal', 'DealCreated'],
    ['OpportunityLineItem', 'service', 'ServiceCreated'],
    ['Product2', 'subservice', 'SubserviceCreated'],
  ])('S0-75 %s becomes a %s', async (entity, streamType, eventType) => {
    const { post } = await start();
    await post(relayed({ ...create, entity }));
    expect(await eventsOf(streamType, SAMPLE_ID)).toMatchObject([{ type: eventType }]);
  });

  it('S0-75 one that is not in the registry is kept raw, or refused where the policy says so', async () => {
    const keeping = await start();
    await keeping.post(relayed({ ...create, entity: 'Lead' }));
    expect(await eventsOf('record', `Lead:${SAMPLE_ID}`)).toMatchObject([{ type: 'RecordChanged' }]);
    await keeping.close();
    const rejecting = await start({ unmappedEntity: 'reject' });
    const command = await rejecting.post(relayed({ ...create, entity: 'Lead' }));
    expect(command).toMatchObject({ status: 'failed', error: { code: 'salesforce.unmapped-entity' } });
    expect(await eventsOf('record', `Lead:${SAMPLE_ID}`)).toEqual([]);
  });
});

(hasRealSamples ? describe : describe.skip)('inputs collected from other projects', () => {
  it('three records merged into one update change in Industry alone', async () => {
    const { post, call } = await start();
    const ids = ['0015f00002JUZPDAA5', '0015f00002JUZPXAA5', '0015f00002JUZPcAAP'];
    const fields = {
      Name: 'Acme',
      Account_Status__c: 'Active',
      BillingCountry: 'Malta',
      Business_Type__c: 'A;B',
      Industry: 'Media',
    };
    await post(relayed({ kind: 'CREATE', ids, fields, transactionKey: 'creation' }));
    const listed = async () => ((await call('GET /v1/clients')).body as { items: Record<string, unknown>[] }).items;
    const before = await listed();
    expect((await post(realSample('account_update_merged_three_records_pubsub'))).status).toBe('processed');
    expect(await listed()).toEqual(
      before.map((client) => ({
        ...client,
        industry: 'Apparel',
        lastModifiedAt: '2024-04-26T22:21:42.000Z',
        streamVersion: 2,
      })),
    );
    expect(before.map(({ id }) => id)).toEqual(ids);
  });

  it('the same creation in both wire forms makes each record once', async () => {
    const { post } = await start();
    await post(realSample('account_create_pubsub'));
    const { error } = await post(realSample('account_create_eventbridge_two_records'));
    expect(error).toBeUndefined();
    expect(await eventsOf('client', '0015f00002J9YYEAA3')).toHaveLength(1);
    expect(await eventsOf('client', '0015f00002J9YYFAA3')).toHaveLength(1);
  });
});

it('S0-79 nothing of a payload is logged', async () => {
  const { post, logger } = await start();
  const fields = { Name: 'marker-name', Description: 'marker-text', Orfium_SSO_ID_Comp__c: 'marker-sso' };
  await post(relayed({ kind: 'CREATE', fields }));
  await post(relayed({ kind: 'CREATE', fields, transactionKey: 'transaction-2' }));
  expect(JSON.stringify(logger.lines)).not.toContain('marker');
});
