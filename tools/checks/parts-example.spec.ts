// Runs the script of the front page unchanged, on PostgreSQL and the real client of the AWS SDK.
import {
  Clock,
  EventLog,
  Ids,
  Logger,
  LogSignal,
  Metrics,
  Projection,
  ProjectionRunner,
  ProjectionStore,
  TimeLimit,
  Tracer,
} from '@groundwork/application';
import { clientsModule, clientsSettings } from '@groundwork/clients';
import { infrastructureFactory, migrate, migrationsOf } from '@groundwork/configuration';
import { eventually, FakeEventBridge, newEvent, newTenant, testDatabase, type TestDatabase } from '@groundwork/testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { sampleChangeEvent } from '../../apps/cli/src/start/sample-change-event.ts';
import { saveSearchPublish } from '../../docs/examples/parts.ts';
import { readText } from './workspace.ts';

const modules = [clientsModule(clientsSettings.parse({}))];
let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  await migrate(database.url, await migrationsOf(modules));
});
afterAll(() => database.drop());

it('S0-39 S0-46 the script of the front page saves an event, searches the clients, publishes and closes', async () => {
  await using bridge = await FakeEventBridge.start();
  process.env.AWS_ACCESS_KEY_ID = 'AKIDEXAMPLE';
  process.env.AWS_SECRET_ACCESS_KEY = 'not-a-secret';
  const settings = { EVENTBRIDGE_ENDPOINT: bridge.endpoint };
  const options = { databaseUrl: database.url, eventbridgeRegion: 'us-east-1', settings };
  const created = newEvent('ClientCreated', sampleChangeEvent(new Date('2026-01-01T00:00:00Z')));

  expect(await saveSearchPublish(options, created)).toMatchObject({ rows: [], total: 0 });
  await followTheLog();
  // The same event again is no second one, and the same message.
  const found = await saveSearchPublish(options, created);
  expect(found).toMatchObject({ rows: [{ name: 'Harbour Street Bakery', stream_version: 1 }], total: 1 });

  const message = { event_id: created.id, event_type: 'ClientCreated', tenant: 'demo', data: created.data };
  expect(bridge.details()).toMatchObject([message, message]);
  expect(bridge.requests[0]!.headers.authorization).toContain('/us-east-1/events/aws4_request');
  await allConnectionsClosed();
});

it('S0-46 the front page shows the script as it was run', () => {
  expect(readText('README.md')).toContain(`\`\`\`ts\n${readText('docs/examples/parts.ts')}\`\`\``);
});

async function allConnectionsClosed(): Promise<void> {
  await using looker = await infrastructureFactory({ databaseUrl: database.url });
  const others = 'select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()';
  await eventually(() =>
    looker.readModels.within(newTenant(), async (manager) => (await manager.query<unknown[]>(others)).length === 0),
  );
}

/** What a worker does all the time. */
async function followTheLog(): Promise<void> {
  await using factory = await infrastructureFactory({ databaseUrl: database.url, modules });
  const ports = {
    store: factory.get(ProjectionStore),
    log: factory.get(EventLog),
    signal: factory.get(LogSignal),
    clock: factory.get(Clock),
    ids: factory.get(Ids),
    timeLimit: factory.get(TimeLimit),
    tracer: factory.get(Tracer),
    logger: factory.get(Logger),
    metrics: factory.get(Metrics),
  };
  const runner = new ProjectionRunner(factory.get(Projection), ports, { owner: 'script' });
  while (await runner.runOnce());
}
