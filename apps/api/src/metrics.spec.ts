// What Prometheus reads from an api that has answered well and badly.
import { endpoint } from '@groundwork/application';
import { compose, ManagementServer, platformModules, readSettings } from '@groundwork/configuration';
import { MemoryLogger, scraped } from '@groundwork/testing';
import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { API_ROOTS, apiPorts } from './api-ports.ts';
import { apiModule } from './api.module.ts';
import { createApi } from './http/create-api.ts';

const settings = readSettings({ NODE_ENV: 'test', GW_STORE: 'memory', LOG_LEVEL: 'error', MANAGEMENT_PORT: '0' });
const DURATION = 'http_server_request_duration_seconds_count';

it('S0-54 the api counts answers and errors, so that the ratio of errors can be computed', async () => {
  await using app = await compose({
    program: 'api',
    modules: [...platformModules(settings, 'api'), apiModule],
    roots: [...API_ROOTS, ManagementServer],
  });
  let isFailing = false;
  const kilns = endpoint({
    method: 'GET',
    path: '/v1/kilns',
    summary: 'Kilns',
    permission: 'public',
    responses: { 200: { description: 'Nothing', schema: z.object({}) } },
    handle: async () => {
      if (isFailing) throw new Error('The cause is unknown.');
      return { status: 200, body: {} };
    },
  });
  const ports = { ...apiPorts(app, settings.worker), endpoints: [kilns], logger: new MemoryLogger() };
  const { app: http } = await createApi(ports, { version: '0', docs: false });
  for (isFailing of [false, true, false, true, true]) await http.inject({ url: '/v1/kilns' });
  await http.inject({ url: '/v1/unknown' });
  await http.close();

  const text = await (await fetch(`http://127.0.0.1:${await app.get(ManagementServer).listen()}/metrics`)).text();
  const all = scraped(text, DURATION, { route: '/v1/kilns' });
  expect(scraped(text, DURATION, { route: '/v1/kilns', status: '500' }) / all).toBe(0.6);
  const operation = 'GET /v1/kilns';
  expect(scraped(text, 'groundwork_errors_total', { code: 'internal.unexpected', operation }) / all).toBe(0.6);
  expect(scraped(text, 'groundwork_errors_total', { code: 'http.unknown-route' }) / scraped(text, DURATION)).toBe(
    1 / 6,
  );
});
