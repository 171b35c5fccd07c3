// What a real Prometheus sees of an api whose database is busy, and then away.
import { eventually } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startInstallation, type Installation } from './installation.ts';
import { hasPrometheus, startPrometheus, type PrometheusServer } from './prometheus-server.ts';

const WAITING = 8;

// Needs Prometheus, a package of the operating system.
(hasPrometheus ? describe : describe.skip)('Prometheus', () => {
  let installation: Installation;
  let prometheus: PrometheusServer;
  beforeAll(async () => {
    // One connection is for what is sent in order: two are left for reads.
    installation = await startInstallation('prometheus', { GW_POOL_SIZE_MAX: '3', GW_DB_CONNECT_TIMEOUT_MS: '60000' });
    prometheus = await startPrometheus(await installation.api.managementPort());
  }, 90_000);
  afterAll(async () => {
    await prometheus?.[Symbol.asyncDispose]();
    await installation?.stop();
  }, 60_000);

  const connections = (state: string) => prometheus.value(`groundwork_db_pool_connections{state="${state}"}`);
  const circuit = () => prometheus.value('groundwork_resilience_circuit_state{dependency="postgres"}');
  let asked = 0;
  // They wait for as long as it takes Prometheus to look.
  const aClient = () =>
    installation.send(`/v1/clients/001Kz${String(++asked).padStart(10, '0')}IAV`, { signal: AbortSignal.timeout(30_000) });

  it('S0-52 sees how many connections the pool has, how many rest, who waits and for how long', async () => {
    const { client } = installation;
    await client.query('begin; lock table clients.client in access exclusive mode');
    const answers = Array.from({ length: 2 + WAITING }, aClient);
    await eventually(async () => (await connections('waiting')) === WAITING, 20_000);
    expect([await connections('total'), await connections('idle')]).toEqual([2, 0]);

    await client.query('rollback');
    expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([404]));
    await eventually(async () => (await connections('waiting')) === 0 && (await connections('idle')) === 2);
    const waits = await prometheus.value('groundwork_db_pool_wait_seconds_count');
    expect(waits).toBeGreaterThanOrEqual(2 + WAITING);
    expect(await prometheus.value('groundwork_db_pool_wait_seconds_sum')).toBeGreaterThan(0.2);
  }, 60_000);

  it('S3-32 sees the breaker of a database that is away', async () => {
    expect(await circuit()).toBe(0);
    await installation.client.end();
    await installation.database.stop();
    await eventually(async () => {
      expect((await aClient()).status).toBe(503);
      return (await circuit()) === 2;
    }, 20_000);
    const rejected = 'groundwork_resilience_rejected_total{dependency="postgres",reason="circuit-open"}';
    await eventually(async () => {
      await aClient();
      return ((await prometheus.value(rejected)) ?? 0) > 0;
    });
  }, 60_000);
});
