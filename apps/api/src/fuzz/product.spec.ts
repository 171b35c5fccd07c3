import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  compose,
  contextModules,
  issueDevelopmentToken,
  platformModules,
  readSettings,
} from '@groundwork/configuration';
import { EventStore } from '@groundwork/application';
import { parseTenantId, streamId } from '@groundwork/domain';
import { MemoryLogger, newEvent, testDatabase } from '@groundwork/testing';
import { describe, expect, it } from '@jest/globals';
import { apiModule } from '../api.module.ts';
import { API_ROOTS, apiPorts } from '../api-ports.ts';
import { contexts } from '../contexts.ts';
import { createApi } from '../http/create-api.ts';
import { serveApi } from '../http/serve-api.ts';
import { badRequests, type FuzzTarget } from './bad-requests.ts';
import { sendRequests, type FuzzAnswer } from './send-requests.ts';

const SEED = Number(process.env['GW_TEST_SEED'] ?? 20260507);
const COUNT = 2_000;

const CLIENT_ID = '001Kz00000BqLmNIAV';

const header = (transactionKey: string, changeType: 'CREATE' | 'UPDATE') => ({
  entityName: 'Account',
  recordIds: [CLIENT_ID],
  changeType,
  transactionKey,
  sequenceNumber: 1,
  commitTimestamp: 1778192980000,
  nulledFields: [],
  diffFields: [],
  changedFields: [],
});
const changeEvent = (n: number): string =>
  `"ChangeEventHeader":${JSON.stringify(header(`fuzz-${n}`, 'UPDATE'))},"Name":"x"`;

describe('the product over PostgreSQL', () => {
  it(`answers bad requests 4xx with a code, never 5xx, and keeps what it accepts as it came (seed ${SEED})`, async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'groundwork-fuzz-'));
    const database = await testDatabase();
    const settings = readSettings({ GW_DATA_DIR: dataDir, DATABASE_URL: database.url, LOG_LEVEL: 'error' }, contexts);
    const app = await compose({
      program: 'api',
      modules: [...platformModules(settings, 'api'), ...contextModules(contexts, settings), apiModule],
      roots: API_ROOTS,
    });
    // Nothing runs commands here: without it every question about the client would end before the database.
    await app.get(EventStore).append({
      tenant: parseTenantId('demo'),
      stream: streamId('client', CLIENT_ID),
      expected: 'no-stream',
      events: [newEvent('ClientCreated', { ChangeEventHeader: header('fuzz-first', 'CREATE'), Name: 'x' })],
    });
    const logger = new MemoryLogger();
    const api = await createApi({ ...apiPorts(app, settings.worker), logger }, { version: '0.0.0', docs: true });
    const served = await serveApi(api, { host: '127.0.0.1', port: 0 });
    const target: FuzzTarget = {
      authorization: `Bearer ${await issueDevelopmentToken(settings.security)}`,
      readPaths: [
        '/v1/clients',
        `/v1/clients/${CLIENT_ID}`,
        `/v1/clients/${CLIENT_ID}/history`,
        '/v1/clients/x/history',
        '/v1/events',
        '/v1/commands',
        '/v1/streams/client/x',
        `/v1/streams/client/${CLIENT_ID}`,
        '/v1/operations/rebuild~clients.client-list~1',
        '/v1/projections',
        '/v1/dead-letters',
      ],
      writePath: () => '/v1/events/salesforce',
      members: changeEvent,
    };
    const faults: string[] = [];
    let accepted = 0;
    const look = async ({ request, status, code, text, location }: FuzzAnswer): Promise<void> => {
      const isAnswered = status !== undefined || request.oversized === true;
      if (!isAnswered || status! >= 500 || (status! >= 400 && code === undefined && !request.name.includes('HEAD '))) {
        faults.push(`${status} to ${request.name}\n${text.slice(0, 1_000)}`);
      }
      if (status !== 202 || request.body === undefined) return;
      accepted++;
      const command = await fetch(served.url + location!, { headers: { authorization: target.authorization } });
      const [, payload] = /"payload":([\s\S]*)\}$/.exec(Buffer.from(await command.arrayBuffer()).toString()) ?? [];
      if (payload !== request.body.toString()) faults.push(`other payload of ${request.name}`);
    };

    await sendRequests(served.url, badRequests(target, { seed: SEED, count: COUNT }), 16, look);

    await served.close(1_000);
    await app[Symbol.asyncDispose]();
    await database.drop();
    rmSync(dataDir, { recursive: true });
    expect(faults.slice(0, 5)).toEqual([]);
    expect(accepted).toBeGreaterThan(50);
    expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  }, 60_000);
});
