import { compose, contextModules, platformModules, readSettings } from '@groundwork/configuration';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiModule } from './api.module.ts';
import { API_ROOTS, apiPorts } from './api-ports.ts';
import { contexts } from './contexts.ts';
import { createApi } from './http/create-api.ts';

let dataDir: string;
beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'groundwork-composition-'));
});
afterAll(() => rmSync(dataDir, { recursive: true }));

describe('the api', () => {
  it('is put together from its contexts on memory, and every route says who may use it', async () => {
    const settings = readSettings(
      { NODE_ENV: 'test', GW_STORE: 'memory', GW_DATA_DIR: dataDir, LOG_LEVEL: 'error' },
      contexts,
    );
    await using app = await compose({
      program: 'api',
      modules: [...platformModules(settings, 'api'), ...contextModules(contexts, settings), apiModule],
      roots: API_ROOTS,
    });
    const ports = apiPorts(app, settings.worker);
    const { app: server } = await createApi(ports, { version: '0.0.0', docs: true });

    const paths = ports.endpoints.map(({ method, path }) => `${method} ${path}`);
    expect(paths).toEqual(
      expect.arrayContaining(['POST /v1/events/salesforce', 'GET /v1/clients', 'GET /v1/commands/:id']),
    );
    for (const { method, path, permission } of ports.endpoints) {
      const answer = await server.inject({ method, url: path.replaceAll(/:\w+/g, '1') });
      expect([path, answer.statusCode]).toEqual([path, permission === 'public' ? expect.any(Number) : 401]);
    }
    await server.close();
  });
});
