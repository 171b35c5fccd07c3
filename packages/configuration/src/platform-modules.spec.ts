import * as application from '@groundwork/application';
import {
  EventStore,
  EventTypeDefinition,
  Ids,
  inlineProjection,
  Metrics,
  Projection,
  type NewEvent,
} from '@groundwork/application';
import { parseTenantId, streamId } from '@groundwork/domain';
import { ManagementServer, type PrometheusMetrics } from '@groundwork/monitoring';
import { describe, expect, it } from '@jest/globals';
import { ContainerModule } from 'inversify';
import { compose, type App } from './compose.ts';
import { platformModules } from './platform-modules.ts';
import { readSettings } from './platform.settings.ts';

const quiet = { LOG_LEVEL: 'error', GW_HEALTH_CHECK_TIMEOUT_MS: '300' };
const memory = readSettings({ ...quiet, GW_STORE: 'memory' });
// Nothing connects before it is used, so no database has to be there.
const postgres = readSettings({
  ...quiet,
  DATABASE_URL: 'postgres://gw:hunter22@127.0.0.1:1/groundwork',
  MANAGEMENT_PORT: '0',
});

const kiln = new ContainerModule(({ bind }) => {
  bind<EventTypeDefinition>(EventTypeDefinition).toConstantValue({ type: 'KilnLit', schemaVersion: 1 });
});

function lightKiln(app: App): ReturnType<EventStore['append']> {
  const event: NewEvent = {
    id: app.get(Ids).next(),
    type: 'KilnLit',
    source: 'api',
    occurredAt: new Date(0),
    data: {},
    metadata: { actor: 'test', correlationId: 'c' },
  };
  const [tenant, stream] = [parseTenantId('demo'), streamId('kiln', '1')];
  return app.get(EventStore).append({ tenant, stream, expected: 'any', events: [event] });
}

/** Of these there may be any number; contexts bring them. Every other port needs its one adapter. */
const MANY = [
  'CacheDefinition',
  'CacheStrategyDefinition',
  'CommandHandler',
  'Endpoint',
  'EventSubscriber',
  'EventTypeDefinition',
  'HealthCheck',
  'MessageDestination',
  'MessageSubscriber',
  'Projection',
  'Publication',
  'RoleDefinition',
  'StreamModel',
];

const portNames = Object.values(application)
  .filter(
    (value): value is symbol => typeof value === 'symbol' && (value.description?.startsWith('groundwork.') ?? false),
  )
  .map((key) => key.description!.replace('groundwork.', ''));

describe('The platform modules', () => {
  it.each([
    ['memory', memory],
    ['postgres', postgres],
  ])('S0-01 have an adapter for every port of the application, on %s', async (_store, settings) => {
    await using app = await compose({
      program: 'api',
      modules: platformModules(settings, 'api'),
      roots: [ManagementServer],
    });
    expect(portNames).toEqual(expect.arrayContaining(['EventStore', 'Clock', 'Authenticator']));
    for (const name of portNames.filter((one) => !MANY.includes(one))) {
      expect([name, app.getAll(application.port(name)).length]).toEqual([name, 1]);
    }
  });

  it('hold projections stored with the append to the time that handlers have', async () => {
    const endless: Projection = inlineProjection({
      name: 'kilns.lit',
      schemaVersion: 1,
      table: { schema: 'kilns', name: 'lit', columns: { id: 'text', stream_version: 'bigint' }, key: 'id' },
      eventTypes: ['KilnLit'],
      keyOf: () => {
        for (;;);
      },
      apply: (row) => row,
    });
    const lit = new ContainerModule(({ bind }) => void bind<Projection>(Projection).toConstantValue(endless));
    const settings = { ...memory, worker: { ...memory.worker, handlerTimeoutMs: 60 } };
    await using app = await compose({
      program: 'api',
      modules: [...platformModules(settings, 'api'), kiln, lit],
      roots: [EventStore],
    });
    const hung = { code: 'projection.handler-hung', details: { timeoutMs: 60 } };
    await expect(lightKiln(app)).rejects.toMatchObject({ cause: hung });
  });

  it('count what is appended, whichever store is bound', async () => {
    await using app = await compose({
      program: 'api',
      modules: [...platformModules(memory, 'api'), kiln],
      roots: [EventStore],
    });
    await lightKiln(app);
    const { text } = await (app.get(Metrics) as PrometheusMetrics).scrape();
    expect(text).toContain('groundwork_events_appended_total{stream_type="kiln"} 1\n');
  });

  it('S0-41 show the settings in force at /info without a secret, and are not ready without a database', async () => {
    await using app = await compose({
      program: 'api',
      modules: platformModules(postgres, 'api'),
      roots: [ManagementServer],
    });
    const management = app.get(ManagementServer);
    const base = `http://127.0.0.1:${await management.listen()}`;
    management.enter('running');
    const info = await (await fetch(`${base}/info`)).text();
    expect(JSON.parse(info)).toMatchObject({
      service: 'api',
      version: '0.1.0',
      settings: { PORT: '4000', DATABASE_URL: '***' },
    });
    const ready = await fetch(`${base}/readyz?verbose`);
    expect(ready.status).toBe(503);
    expect(`${info}${await ready.text()}`).not.toContain('hunter22');
  });
});
