// What other systems hear of clients, from the log over a worker to an EventBridge that checks every request.
import { asyncApiDocument, DeadLetters, EventStore, Publication, type NormalisedEvent } from '@groundwork/application';
import { compose, contextModules, migrate, platformModules, type App } from '@groundwork/configuration';
import { eventually, FAKE_AWS_KEYS, FakeEventBridge, testDatabase, type TestDatabase } from '@groundwork/testing';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { contexts } from '../../apps/worker/src/contexts.ts';
import { productMigrations, productSettings } from '../../apps/cli/src/product.ts';
import { ChangedClients, TENANT } from './changed-clients.ts';
import { relayingWorker, type RelayingWorker } from './relaying-worker.ts';
import { RELAY_DEATHS, type RelayDeath } from './relay-death.module.ts';

const WAIT_MAX_MS = 20_000;
const CLIENT_COUNT = 12;
const CHANGES_PER_CLIENT = 5;
describe('The relay of clients to EventBridge', () => {
  let database: TestDatabase;
  let api: App;
  let bridge: FakeEventBridge;
  let worker: RelayingWorker | undefined;
  let clients: ChangedClients;

  beforeAll(async () => {
    database = await testDatabase();
    await migrate(database.url, await productMigrations(productSettings({})));
    const settings = productSettings({ DATABASE_URL: database.url, LOG_LEVEL: 'error' });
    const modules = [...platformModules(settings, 'api', contexts), ...contextModules(contexts, settings)];
    api = await compose({ program: 'api', modules, roots: [EventStore, DeadLetters] });
    clients = new ChangedClients(api.get(EventStore));
  }, 60_000);
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
    await database.drop();
  });
  beforeEach(async () => {
    bridge = await FakeEventBridge.start();
  });
  afterEach(async () => {
    await worker?.stop();
    worker = undefined;
    await bridge[Symbol.asyncDispose]();
  });

  const started = (death: RelayDeath = 'never'): RelayingWorker =>
    (worker = relayingWorker(database.url, death, {
      ...FAKE_AWS_KEYS,
      EVENTBRIDGE_REGION: 'eu-north-1',
      EVENTBRIDGE_ENDPOINT: bridge.endpoint,
    }));
  const messages = () => bridge.takenDetails() as readonly NormalisedEvent[];
  const about = (id: string) => messages().filter(({ aggregate_id }) => aggregate_id === id);
  const told = (id: string) =>
    about(id).map(({ event_type, data }) => {
      const { active, reason } = data as { active: boolean; reason: string | null };
      return [event_type, active, reason];
    });
  const sentUpTo = (eventId: string) =>
    eventually(() => messages().some(({ event_id }) => event_id === eventId), WAIT_MAX_MS);
  /** Everything before it is sent, too, or was not to be: one client more is announced behind. */
  async function settled(): Promise<void> {
    await Promise.all(
      Array.from({ length: 24 }, async () =>
        sentUpTo(await clients.change(clients.newId(), 'CREATE', { Account_Status__c: 'Active' })),
      ),
    );
  }

  it.each(RELAY_DEATHS)(
    'S0-78 killed %s, it loses nothing: what was not confirmed is sent, in order, and what is sent twice has the same id',
    async (death) => {
      const all = Array.from({ length: CLIENT_COUNT }, () => clients.newId());
      const expected = new Map<string, string[]>();
      for (let round = 0; round < CHANGES_PER_CLIENT; round++) {
        for (const id of all) {
          const kind = round === 0 ? 'CREATE' : 'UPDATE';
          const eventId = await clients.change(id, kind, { Account_Status__c: 'Active', Name: `${id} ${round}` });
          expected.set(id, [...(expected.get(id) ?? []), eventId]);
        }
      }
      expect(await started(death).signal).toBe('SIGKILL');
      const before = messages().length;
      if (death === 'between commit and publish') expect(before).toBe(0);
      started();
      await Promise.all([...expected.values()].map((ids) => sentUpTo(ids.at(-1)!)));
      await settled();

      for (const [id, ids] of expected) {
        const sent = about(id).map(({ event_id }) => event_id);
        expect([...new Set(sent)]).toEqual(ids);
        // Twice is as often as one kill can make it.
        for (const eventId of ids) expect(sent.filter((one) => one === eventId).length).toBeLessThanOrEqual(2);
        for (const { event_id, data } of about(id)) {
          expect((data as { name: string }).name).toBe(`${id} ${ids.indexOf(event_id)}`);
        }
      }
      if (death === 'between publish and checkpoint')
        expect(all.flatMap(about).length).toBeGreaterThan(CLIENT_COUNT * CHANGES_PER_CLIENT);
    },
    90_000,
  );

  it('S0-76 S0-77 inactive, pending, draft and deleted clients are not announced; one that leaves active is, once, with its reason; the type says what happened', async () => {
    started();
    const [draft, pending, inactive, deleted, statusless] = Array.from({ length: 5 }, () => clients.newId()) as [
      string,
      string,
      string,
      string,
      string,
    ];
    await clients.change(draft, 'CREATE', { Account_Status__c: 'Draft', Name: 'Bakery' });
    await clients.change(draft, 'UPDATE', { Name: 'Harbour Street Bakery' });
    await clients.change(pending, 'CREATE', { Account_Status__c: 'Pending' });
    await clients.change(pending, 'UPDATE', { Account_Status__c: 'Active' });
    await clients.change(pending, 'UPDATE', { Industry: 'Food' });
    await clients.change(inactive, 'CREATE', { Account_Status__c: 'Active' });
    await clients.change(inactive, 'UPDATE', { Account_Status__c: 'Inactive' });
    await clients.change(inactive, 'UPDATE', { Name: 'Still inactive' });
    await clients.change(inactive, 'UPDATE', { Account_Status__c: 'Active' });
    await clients.change(deleted, 'CREATE', { Account_Status__c: 'Active' });
    await clients.change(deleted, 'DELETE');
    await clients.change(deleted, 'UPDATE', { Name: 'Late' });
    await clients.change(deleted, 'UNDELETE', { Account_Status__c: 'Active' });
    await clients.change(statusless, 'CREATE', { Name: 'Nobody knows' });
    await settled();

    expect(told(draft)).toEqual([]);
    expect(told(pending)).toEqual([
      ['ClientUpdated', true, null],
      ['ClientUpdated', true, null],
    ]);
    expect(told(inactive)).toEqual([
      ['ClientCreated', true, null],
      ['ClientUpdated', false, 'inactive'],
      ['ClientUpdated', true, null],
    ]);
    expect(told(deleted)).toEqual([
      ['ClientCreated', true, null],
      ['ClientDeleted', false, 'deleted'],
      ['ClientRestored', true, null],
    ]);
    expect(told(statusless)).toEqual([]);
  }, 60_000);

  it('S0-37 every message is a normalised event that fits the published JSON Schema of its type, with the names of the list', async () => {
    started();
    const id = clients.newId();
    await clients.change(id, 'CREATE', {
      Account_Status__c: 'Active',
      Name: 'Bakery',
      Business_Type__c: 'Food;Retail',
      BillingCountry: 'Norway',
    });
    await clients.change(id, 'UPDATE', { Account_Priority__c: 'High' });
    await clients.change(id, 'DELETE');
    await clients.change(id, 'UNDELETE', { Account_Status__c: 'Active' });
    await settled();
    const { components } = asyncApiDocument(api.getAll(Publication), '1.0.0') as {
      components: { schemas: Record<string, object> };
    };
    const ajv = new Ajv2020({ strict: false, formats: fullFormats });
    const faultsOf = (message: NormalisedEvent): unknown => {
      const validate = ajv.compile(components.schemas[`clients.${message.event_type}.detail`]!);
      return validate(message) ? [] : validate.errors;
    };
    expect(new Set(about(id).map(({ event_type }) => event_type)).size).toBe(4);
    for (const message of messages()) expect(faultsOf(message)).toEqual([]);
    const [created] = about(id);
    expect(created).toMatchObject({
      aggregate_type: 'client',
      aggregate_id: id,
      event_type: 'ClientCreated',
      version: 1,
      tenant: 'demo',
      data: { name: 'Bakery', status: 'Active', billing_country: 'Norway', business_types: ['Food', 'Retail'] },
    });
    expect(faultsOf({ ...created!, timestamp: 'yesterday' })).not.toEqual([]);
    expect(faultsOf({ ...created!, data: { Name: 'Bakery' } })).not.toEqual([]);
  }, 60_000);

  it('S0-36 after a partial failure sends only what was not taken again, in the order of each client', async () => {
    const [one, other] = [clients.newId(), clients.newId()];
    const active = { Account_Status__c: 'Active' };
    const ids = [await clients.change(one, 'CREATE', active), await clients.change(other, 'CREATE', active)];
    ids.push(
      await clients.change(one, 'UPDATE', { Name: 'Second' }),
      await clients.change(other, 'UPDATE', { Name: 'Second' }),
    );
    const failed = { ErrorCode: 'ThrottlingException', ErrorMessage: 'Rate exceeded.' };
    for (let n = 0; n < 6; n++) {
      bridge.answerNext({
        FailedEntryCount: 1,
        Entries: [failed, ...Array.from({ length: 9 }, (_, e) => ({ EventId: `e-${e}` }))],
      });
    }
    started();
    await Promise.all(ids.map(sentUpTo));
    await settled();
    expect(about(one).map(({ event_id }) => event_id)).toEqual([ids[0], ids[2]]);
    expect(about(other).map(({ event_id }) => event_id)).toEqual([ids[1], ids[3]]);
  }, 60_000);

  it('S0-38 goes on by itself after throttling and 5xx; what is refused becomes a dead letter with its cause, and a retry sends it in order', async () => {
    const id = clients.newId();
    const first = await clients.change(id, 'CREATE', { Account_Status__c: 'Active' });
    const second = await clients.change(id, 'UPDATE', { Name: 'Second' });
    for (let n = 0; n < 5; n++) {
      bridge.answerNext({ __type: 'ThrottlingException', message: 'Rate exceeded.' }, 400);
      bridge.answerNext({ __type: 'InternalException', message: 'Sorry.' }, 500);
    }
    bridge.answerNext({ __type: 'AccessDeniedException', message: 'Not authorised.' }, 400);
    started();
    const deadLetters = api.get(DeadLetters);
    const parked = await eventually(async () => {
      const all = await deadLetters.list(TENANT, { limit: 10 });
      return all.find(({ stream }) => stream.id === id);
    }, WAIT_MAX_MS);
    expect(parked).toMatchObject({
      projection: 'clients.announcements@eventbridge',
      eventId: first,
      attempts: 1,
      error: { code: 'relay.message-refused', details: { destination: 'eventbridge' } },
    });
    expect(parked.error.message).toContain('AccessDeniedException: Not authorised.');
    await settled();
    expect(about(id)).toEqual([]);

    await deadLetters.decide(TENANT, parked.id, 'retry');
    await sentUpTo(second);
    expect(about(id).map(({ event_id }) => event_id)).toEqual([first, second]);
    await eventually(async () => (await deadLetters.list(TENANT, { limit: 10 })).length === 0, WAIT_MAX_MS);
  }, 60_000);
});
