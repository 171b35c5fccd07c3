import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contextModules, infrastructureFactory, issueDevelopmentToken, readSettings } from '@groundwork/configuration';
import { eventually, newEvent, newId, testDatabase } from '@groundwork/testing';
import { describe, expect, it } from '@jest/globals';
import { contexts } from './contexts.ts';

/** The api as a process of its own; `url` is known once it is served. */
function startApi(env: Record<string, string>) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env: { PATH: '', PORT: '0', MANAGEMENT_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const started = { child, text: '' };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (started.text += String(chunk)));
  const exitCode = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const lines = (): Record<string, unknown>[] =>
    started.text
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  const fact = (message: string, name: string) =>
    eventually(() => lines().find((line) => line['message'] === message)?.[name], 20_000);
  return {
    child,
    exitCode,
    url: () => fact('The api is served.', 'url'),
    managementPort: () => fact('Health and metrics are served.', 'port'),
    text: () => started.text,
  };
}

describe('the api as a process', () => {
  it('S0-23 SIGTERM while a request runs finishes it, closes every database connection, and exits with 0', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'groundwork-main-'));
    const database = await testDatabase();
    const settings = readSettings({ GW_DATA_DIR: dataDir }, contexts);
    await using infrastructure = await infrastructureFactory({
      databaseUrl: database.url,
      modules: contextModules(contexts, settings),
    });
    const { position } = await infrastructure.eventStore.append({
      tenant: 'demo' as never,
      stream: { type: 'client', id: newId() },
      expected: 'no-stream',
      events: [newEvent('RecordChanged', {})],
    });
    const connectionsOfApi = async (): Promise<number> => {
      const found = await infrastructure.readModels.within('demo' as never, (manager) =>
        manager.query("SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name LIKE 'groundwork-api%'"),
      );
      return (found as { n: number }[])[0]!.n;
    };
    const api = startApi({ DATABASE_URL: database.url, GW_DATA_DIR: dataDir });
    const [url, managementPort] = [await api.url(), await api.managementPort()];
    const readiness = async (): Promise<number> => (await fetch(`http://127.0.0.1:${managementPort}/readyz`)).status;
    await eventually(async () => (await readiness()) === 200);

    // No worker runs, so the projection does not get there and the request goes on for its two seconds.
    const running = fetch(`${url}/v1/clients`, {
      headers: {
        authorization: `Bearer ${await issueDevelopmentToken(settings.security)}`,
        'groundwork-min-position': String(position),
        prefer: 'wait=2',
      },
    });
    // Connections are accepted in order: when this one is answered, the one before it is being worked on.
    expect((await fetch(`${url}/openapi.json`)).status).toBe(200);
    expect(await connectionsOfApi()).toBeGreaterThan(0);
    api.child.kill('SIGTERM');
    await eventually(async () => (await readiness()) === 503);

    const answer = await running;
    expect([answer.status, answer.headers.get('connection')]).toEqual([503, 'close']);
    expect(await answer.json()).toMatchObject({ code: 'query.position-not-reached' });
    expect(await api.exitCode).toBe(0);
    // On a busy machine PostgreSQL may still be putting away what the process has closed.
    await eventually(async () => (await connectionsOfApi()) === 0);
    await infrastructure.close();
    await database.drop();
    rmSync(dataDir, { recursive: true });
  });

  it('that cannot start says why and exits with 1', async () => {
    const api = startApi({ PORT: 'eighty', NODE_ENV: 'production' });

    expect(await api.exitCode).toBe(1);
    for (const variable of ['PORT', 'DATABASE_URL', 'GW_JWKS_URL', 'GW_JWT_ISSUER'])
      expect(api.text()).toContain(variable);
  });
});
