// What Prometheus reads from a worker that has met faults, and what can be computed of it.
import {
  CommandHandler,
  CommandStore,
  EventStore,
  ExactJson,
  Ids,
  ProjectionStore,
  RoleDefinition,
  Unavailable,
} from '@groundwork/application';
import {
  compose,
  contextModules,
  ManagementServer,
  migrate,
  migrationsOf,
  platformModules,
  readSettings,
  type App,
} from '@groundwork/configuration';
import { parseTenantId, streamId } from '@groundwork/domain';
import { TenantDatabase } from '@groundwork/persistence';
import { eventually, newEvent, scraped, seriesOf, testDatabase, type TestDatabase } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ContainerModule } from 'inversify';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { contexts } from './contexts.ts';
import { workerModule } from './worker.module.ts';
import { Worker } from './worker.ts';

const LIST = 'clients.client-list';
const LIGHT = 'kilns.light-kiln';
const LATENCY = 'groundwork_projection_latency_seconds';
const COMMANDS = 'groundwork_command_duration_seconds_count';
const STATEMENTS = 'db_client_operation_duration_seconds_count';
const LOGGED = 'groundwork_logged_errors_total';
const tenant = parseTenantId('demo');

/** How often lighting a kiln still fails, for a reason that passes. */
let faultsLeft = 0;
const kilnModule = new ContainerModule(({ bind }) => {
  bind<RoleDefinition>(RoleDefinition).toConstantValue({ role: 'potter', permissions: ['kilns:light'] });
  bind(CommandHandler).toConstantValue({
    type: LIGHT,
    permission: 'kilns:light',
    schema: z.object({}),
    handle: async () => {
      if (faultsLeft-- > 0) throw new Unavailable('kilns.cold', 'The kiln is cold.', 'Wait.');
      return {};
    },
  });
});

const itWithPromtool = spawnSync('promtool', ['--version']).status === 0 ? it : it.skip;

let database: TestDatabase;
let app: App;
let scrape: () => Promise<string>;
let scrapes: readonly [string, string];
beforeAll(async () => {
  database = await testDatabase();
  const limits = { GW_DB_LOCK_TIMEOUT_MS: '100', GW_WORKER_POLL_INTERVAL_MS: '50' };
  const env = { ...limits, LOG_LEVEL: 'error', MANAGEMENT_PORT: '0', DATABASE_URL: database.url };
  const settings = readSettings(env, contexts);
  const modules = contextModules(contexts, settings);
  await migrate(database.url, await migrationsOf(modules));
  app = await compose({
    program: 'worker',
    modules: [...platformModules(settings, 'worker', contexts), ...modules, kilnModule, workerModule(settings)],
    roots: [Worker, ManagementServer],
  });
  const url = `http://127.0.0.1:${await app.get(ManagementServer).listen()}/metrics`;
  scrape = async () => (await fetch(url)).text();
});
afterAll(async () => {
  await app.get(Worker).stop();
  await app[Symbol.asyncDispose]();
  await database.drop();
});

describe('the metrics of a worker', () => {
  it('S0-53 hold a histogram for each projection of the time from recorded to projected', async () => {
    const recordedAtMs: number[] = [];
    for (const id of ['001000000000001AAA', '001000000000002AAA', '001000000000003AAA']) {
      await recordClient(id);
      recordedAtMs.push(Date.now());
    }
    const waitedMs = recordedAtMs.map((at) => Date.now() - at).reduce((sum, ms) => sum + ms);
    app.get(Worker).start();
    const text = await eventually(async () => {
      const seen = await scrape();
      return scraped(seen, `${LATENCY}_count`, { projection: LIST }) === 3 ? seen : undefined;
    });
    const tookMs = recordedAtMs.map((at) => Date.now() - at).reduce((sum, ms) => sum + ms);

    const seconds = scraped(text, `${LATENCY}_sum`, { projection: LIST });
    expect(seconds).toBeGreaterThanOrEqual((waitedMs - 3) / 1000);
    expect(seconds).toBeLessThanOrEqual((tookMs + 1_000) / 1000);
    const buckets = seriesOf(text, `${LATENCY}_bucket`).filter(({ labels }) => labels['projection'] === LIST);
    expect(buckets.at(-1)).toMatchObject({ labels: { le: '+Inf' }, value: 3 });
    expect(buckets.length).toBeGreaterThan(10);
    const counts = buckets.map(({ value }) => value);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  });

  it('S0-54 count errors and retries of each component, so that ratios of errors can be computed', async () => {
    await lightKiln(0);
    await lightKiln(1);
    await failProjection();
    const before = await scrape();
    await lightKiln(3);
    await failProjection();
    const after = await scrape();
    const grew = (name: string, labels: Readonly<Record<string, string>>): number =>
      scraped(after, name, labels) - scraped(before, name, labels);

    // Commands: three of four runs were in vain, and each of those was followed by another.
    expect(grew('groundwork_command_retries_total', { type: LIGHT })).toBe(3);
    expect(grew(LOGGED, { component: 'commands', code: 'kilns.cold' })).toBe(3);
    const commandRatio = grew(COMMANDS, { type: LIGHT, outcome: 'faulted' }) / grew(COMMANDS, { type: LIGHT });
    expect(commandRatio).toBe(0.75);
    // Projections: some attempts, because the table was locked; then the event took effect.
    expect(grew('groundwork_projection_retries_total', { projection: LIST })).toBeGreaterThan(0);
    expect(grew(LOGGED, { component: 'projections' })).toBeGreaterThan(0);
    expect(grew(`${LATENCY}_count`, { projection: LIST })).toBe(1);
    // The database: of all its operations, those that failed.
    expect(grew(STATEMENTS, { outcome: 'error' })).toBeGreaterThan(0);
    expect(grew(STATEMENTS, { outcome: 'error' }) / grew(STATEMENTS, {})).toBeLessThan(1);
    scrapes = [before, after];
  });

  itWithPromtool('give the same ratio to Prometheus itself', () => {
    const grown = (labels: string): string => `(${COMMANDS}{${labels}} - ${COMMANDS}{${labels}} offset 1m)`;
    const faulted = grown(`type="${LIGHT}", outcome="faulted"`);
    const ratio = `sum(${faulted}) / sum(${grown(`type="${LIGHT}"`)})`;
    expect(promtoolSays(ratio, 0.75, COMMANDS)).toContain('SUCCESS');
    expect(promtoolSays(ratio, 0.5, COMMANDS)).toContain('FAILED');
  });
});

const recordClient = (id: string) =>
  app.get(EventStore).append({
    tenant,
    stream: streamId('client', id),
    expected: 'any',
    events: [newEvent('ClientCreated', new ExactJson(created(id)), { source: 'salesforce' })],
  });

const created = (id: string): string =>
  JSON.stringify({
    'detail-type': 'AccountChangeEvent',
    source: 'aws.partner/salesforce.com/00DKz000001AbCdMAK/0YLKz0000008OqaGAE',
    detail: {
      payload: {
        ChangeEventHeader: {
          entityName: 'Account',
          recordIds: [id],
          changeType: 'CREATE',
          transactionKey: 'transaction-1',
          sequenceNumber: 1,
          commitTimestamp: Date.UTC(2026, 4, 7),
          nulledFields: [],
          diffFields: [],
          changedFields: [],
        },
        Name: 'Acme',
      },
    },
  });

/** Runs one command that fails so many times before it succeeds. */
async function lightKiln(faults: number): Promise<void> {
  faultsLeft = faults;
  const store = app.get(CommandStore);
  const { command } = await store.accept({
    id: app.get(Ids).next(),
    tenant,
    type: LIGHT,
    payload: new ExactJson('{}'),
    orderKeys: [],
    idempotencyKey: undefined,
    fingerprint: 'f',
    actor: { subject: 'potter', permissions: ['kilns:light'] },
    correlationId: 'c-1',
  });
  await eventually(async () => (await store.get(tenant, command.id))?.status === 'processed');
}

/** Keeps the projection from its table until it has tried in vain, then lets it go on. */
async function failProjection(): Promise<void> {
  const retries = async () => scraped(await scrape(), 'groundwork_projection_retries_total', { projection: LIST });
  const before = await retries();
  const { position } = await app.get(TenantDatabase).within(tenant, async (manager) => {
    await manager.query('lock table clients.client in access exclusive mode');
    const appended = await recordClient('001000000000001AAA');
    await eventually(async () => (await retries()) > before);
    return appended;
  });
  await eventually(() => isApplied(position));
}

async function isApplied(position: bigint): Promise<boolean> {
  const [progress] = await app.get(ProjectionStore).progress(LIST);
  return progress?.slices.every((slice) => slice.position >= position) ?? false;
}

/** What promtool says to the claim that an expression has this value at the second of the two scrapes. */
function promtoolSays(expression: string, value: number, name: string): string {
  const [before, after] = scrapes.map((text) => seriesOf(text, name));
  const valueBefore = new Map(before!.map(({ series, value: was }) => [series, was]));
  const test = {
    rule_files: [],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: after!.map(({ series, value: is }) => ({
          series,
          values: `${valueBefore.get(series) ?? 0} ${is}`,
        })),
        promql_expr_test: [{ expr: expression, eval_time: '1m', exp_samples: [{ labels: '{}', value }] }],
      },
    ],
  };
  const folder = mkdtempSync(join(tmpdir(), 'promtool-'));
  try {
    const file = join(folder, 'test.yml'); // JSON is YAML.
    writeFileSync(file, JSON.stringify(test));
    const { stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8' });
    return `${stdout}${stderr}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
