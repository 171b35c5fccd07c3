// What becomes of an error, by its class: a connection is made again, what takes too long is cancelled and tried again,
// what is set wrongly stops the program with advice, and what nobody foresaw is reported.
import { fixed, Metrics, Resilience } from '@groundwork/application';
import { infrastructureFactory, startEmbeddedPostgres, type EmbeddedPostgres } from '@groundwork/configuration';
import type { PrometheusMetrics } from '@groundwork/monitoring';
import { Database } from '@groundwork/persistence';
import { eventually, scraped } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { startInstallation, type Installation } from './installation.ts';
import { startProgram } from './program.ts';

const CHANGE = join(import.meta.dirname, '../../packages/contexts/clients/fixtures/account-create.eventbridge.json');
const PING = { name: 'ping', text: 'select 1 as one' };
const PATIENT = 'attemptsMax=1000,retryDelayMaxMs=100,retryWithinMs=60000,breakerFailuresMax=0';

let installation: Installation;
let restarted: EmbeddedPostgres | undefined;
beforeAll(async () => {
  installation = await startInstallation('recovery');
}, 90_000);
afterAll(async () => {
  await restarted?.stop();
  await installation?.stop();
}, 60_000);

const factoryWith = (postgres: string) => {
  const { DATABASE_URL: databaseUrl = '', ...settings } = installation.settings();
  return infrastructureFactory({ databaseUrl, settings: { ...settings, GW_RESILIENCE_POSTGRES: postgres } });
};
const clients = () => installation.send('/v1/clients');

describe('an error', () => {
  it('S3-54 S3-33 of a call that takes too long ends the call on the server, and it is made again', async () => {
    await using factory = await factoryWith('attemptsMax=3');
    const blocking = new Client({ connectionString: installation.settings()['DATABASE_URL'] });
    const [database, metrics] = [factory.get(Database), factory.get(Metrics) as PrometheusMetrics];
    const settings = { timeoutMs: 300, attemptsMax: 100, retryDelay: fixed(10) };
    const policy = factory.get(Resilience).policyFor('postgres', { patterns: ['retry', 'timeout'], settings });
    const timeouts = async () =>
      scraped((await metrics.scrape()).text, 'groundwork_resilience_timeouts_total', { dependency: 'postgres' });
    const waiting = async (): Promise<number> => {
      const { rows } = await installation.client.query<{ count: number }>(
        `select count(*)::int as count from pg_stat_activity where query like 'select /* s3-33 */%'`,
      );
      return rows[0]!.count;
    };

    await blocking.connect();
    await blocking.query('select pg_advisory_lock(354)');
    const text = 'select /* s3-33 */ pg_advisory_lock(354) is not null as is_mine';
    const call = policy.execute((signal) => database.query({ name: 's3-33', text }, signal));
    await eventually(async () => (await timeouts()) >= 3);
    // Those before it wait no longer, nor does their connection stay.
    expect(await waiting()).toBeLessThanOrEqual(2);
    await blocking.query('select pg_advisory_unlock(354)');
    await expect(call).resolves.toEqual([{ is_mine: true }]);
    await blocking.end();
  }, 30_000);

  it('S3-54 of a login that is refused, or of a database that is not there, stops the worker with advice', async () => {
    const { DATABASE_URL = '', ...settings } = installation.settings();
    const [otherPassword, otherDatabase] = [new URL(DATABASE_URL), new URL(DATABASE_URL)];
    otherPassword.password = 'not-it';
    otherDatabase.pathname = '/nowhere';
    for (const { href } of [otherPassword, otherDatabase]) {
      const worker = startProgram('worker', { ...settings, DATABASE_URL: href });
      expect(await worker.exitCode).toBe(1);
      const said = worker.lines.slice(-2).join('\n');
      expect(said).toMatch(/^worker ends: PostgreSQL lets nobody in with this login/);
      expect(said).toMatch(/Correct user, password and database in DATABASE_URL;.*\(database\.login-refused\)$/);
      expect(worker.lines.join('\n')).not.toContain('not-it');
    }
  }, 60_000);

  it('S3-54 that nobody foresaw is reported with its cause, and answered without it', async () => {
    await installation.client.query(`
      create function groundwork.fail() returns trigger language plpgsql as $$
        begin raise exception 'the kiln is cold'; end $$;
      create trigger fails before insert on groundwork.command execute function groundwork.fail();`);
    const change = readFileSync(CHANGE, 'utf8');
    const answer = await installation.post(change);
    const body = await answer.text();
    await installation.client.query('drop trigger fails on groundwork.command; drop function groundwork.fail()');
    expect([answer.status, JSON.parse(body)]).toEqual([500, expect.objectContaining({ code: 'internal.unexpected' })]);
    expect(body).not.toContain('kiln');
    const report = await eventually(() => installation.api.lines.find((line) => line.includes('the kiln is cold')));
    expect(JSON.parse(report)).toMatchObject({ level: 'error' });
    expect((await installation.post(change)).status).toBe(202);
  }, 30_000);

  it('S3-54 of a connection makes it anew, and the call again: a restart of PostgreSQL costs nothing but time', async () => {
    await using factory = await factoryWith(PATIENT);
    const [database, metrics] = [factory.get(Database), factory.get(Metrics) as PrometheusMetrics];
    await expect(database.query(PING)).resolves.toEqual([{ one: 1 }]);

    await installation.client.end();
    await installation.database.stop();
    const calls = Array.from({ length: 5 }, () => database.query(PING));
    const away = await clients();
    expect([away.status, Number(away.headers.get('retry-after'))]).toEqual([503, 1]);
    const dataDir = installation.settings()['GW_DATA_DIR']!;
    restarted = await startEmbeddedPostgres({ dataDir, durable: true, log: () => undefined });

    await expect(Promise.all(calls)).resolves.toEqual(calls.map(() => [{ one: 1 }]));
    const retries = scraped((await metrics.scrape()).text, 'groundwork_resilience_retries_total', {
      dependency: 'postgres',
    });
    expect(retries).toBeGreaterThanOrEqual(5);
    await eventually(async () => (await clients()).status === 200);
    expect(await eventually(() => installation.api.isReady())).toBe(true);
  }, 60_000);
});
