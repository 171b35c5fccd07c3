import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, chmodSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runningEmbeddedPostgres } from '@groundwork/configuration';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sampleChangeEvent } from '../../apps/cli/src/start/sample-change-event.ts';
import { Client } from 'pg';
import {
  childrenOf,
  freePort,
  freePorts,
  holds,
  partOf,
  startProduct,
  type Ports,
  type Product,
} from './started-product.ts';

const SAMPLE_ID = '001Gw000009AbCdIAK';

describe('npm start', () => {
  let dataDir: string;
  let ports: Ports;
  let product: Product;

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'gw-e2e-'));
    chmodSync(dataDir, 0o711);
    ports = await freePorts();
    const told = new URL('./told-connections.ts', import.meta.url).href;
    product = await startProduct(dataDir, ports, {
      NODE_OPTIONS: `--import=${told}`,
      TOLD_CONNECTIONS: join(dataDir, 'connections'),
    });
  }, 90_000);
  afterAll(async () => {
    await product?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }, 60_000);

  const nameOf = async (id: string, query = ''): Promise<unknown> =>
    ((await product.ask(`/v1/clients/${id}${query}`)).body as { name?: string }).name;

  async function post(body: string): Promise<void> {
    const accepted = await product.ask('/v1/events/salesforce', body);
    expect(accepted.status).toBe(202);
    const { id } = accepted.body as { id: string };
    await holds(async () => {
      expect((await product.ask(`/v1/commands/${id}`)).body).toMatchObject({ status: 'processed', error: null });
    });
  }

  const change = (name: string, at: Date): string => {
    const event = sampleChangeEvent(at) as { ChangeEventHeader: object };
    const header = { ...event.ChangeEventHeader, changeType: 'UPDATE', changedFields: ['Name', 'LastModifiedDate'] };
    return JSON.stringify({ ChangeEventHeader: header, Name: name, LastModifiedDate: at.getTime() });
  };

  it('prints links, a line to paste, and ready when /readyz answers 200', async () => {
    const printed = product.lines.join('\n');
    expect(printed).toContain(`curl -i '${product.url}/v1/events/salesforce'`);
    for (const port of [ports.management, ports.management + 1]) {
      expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    }
  });

  it('turns the pasted change event into a client that can be found', async () => {
    const pasted = product.lines.find((line) => line.startsWith('curl -i'))!;
    const { status, stdout } = spawnSync('sh', ['-c', `${pasted} -s`], { encoding: 'utf8' });
    expect({ status, answer: stdout.split('\r\n')[0] }).toEqual({ status: 0, answer: 'HTTP/1.1 202 Accepted' });
    await holds(async () => expect(await nameOf(SAMPLE_ID)).toBe('Harbour Street Bakery'));
    const found = await product.ask('/v1/clients?search=harbour&country=Norway');
    expect((found.body as { items: unknown[] }).items).toMatchObject([{ id: SAMPLE_ID }]);
  });

  it('shows what changed since, as a history and as of a time', async () => {
    const before = new Date();
    await post(change('Harbour Street Bakery and Café', new Date(before.getTime() + 1)));
    await holds(async () => expect(await nameOf(SAMPLE_ID)).toBe('Harbour Street Bakery and Café'));
    expect(await nameOf(SAMPLE_ID, `?asOf=${before.toISOString()}`)).toBe('Harbour Street Bakery');
    const { items } = (await product.ask(`/v1/clients/${SAMPLE_ID}/history`)).body as { items: unknown[] };
    expect(items).toHaveLength(2);
  });

  it('takes recorded change events in either wire form', async () => {
    for (const file of recordedEvents()) await post(readFileSync(file, 'utf8'));
  });

  it.each([
    ['api', ['groundwork_owner', 'groundwork_worker']],
    ['worker', ['groundwork_owner']],
  ] as const)('gives the %s a login of its own, which cannot become %j or change the log', async (part, others) => {
    const environment = readFileSync(`/proc/${partOf(product, part)}/environ`, 'utf8').split('\0');
    const connectionString = environment.find((line) => line.startsWith('DATABASE_URL='))!.split('DATABASE_URL=')[1];
    const client = new Client({ connectionString });
    await client.connect();
    for (const sql of ['delete from groundwork.event', ...others.map((role) => `set role ${role}`)]) {
      await expect(client.query(sql)).rejects.toMatchObject({ code: '42501' });
    }
    await client.end();
  });

  it('heals when api, worker and PostgreSQL are killed, and has lost nothing', async () => {
    for (const pid of childrenOf(product.pid)) process.kill(pid, 'SIGKILL');
    await holds(async () => {
      await post(change('Harbour Street Bakery, reopened', new Date()));
      expect(await nameOf(SAMPLE_ID)).toBe('Harbour Street Bakery, reopened');
    }, 30_000);
    const { items } = (await product.ask(`/v1/clients/${SAMPLE_ID}/history`)).body as { items: unknown[] };
    expect(items.length).toBeGreaterThanOrEqual(3);
  }, 60_000);

  it('S1-55 needs PostgreSQL and nothing else: all this time it has connected to that and to its own ports', async () => {
    const database = new URL((await runningEmbeddedPostgres(dataDir))!).port;
    const connections = readFileSync(join(dataDir, 'connections'), 'utf8').trim().split('\n');
    const own = [ports.management, ports.management + 1].map((port) => `127.0.0.1:${port}`);
    expect([...new Set(connections)].sort()).toEqual([`127.0.0.1:${database}`, ...own].sort());
  });

  it('leaves no process, port or lock behind after SIGTERM, and keeps everything for the next start', async () => {
    const children = childrenOf(product.pid);
    expect(children.length).toBe(3);
    expect(await product.stop()).toBe(0);
    expect(children.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    for (const port of [ports.api, ports.management, ports.management + 1]) expect(await freePort(port)).toBe(port);
    expect(readdirSync(dataDir)).not.toContain('owner.json');
    expect(existsSync(join(dataDir, 'cluster/postmaster.pid'))).toBe(false);

    const startedAt = Date.now();
    product = await startProduct(dataDir, ports);
    expect(Date.now() - startedAt).toBeLessThan(20_000);
    expect(await nameOf(SAMPLE_ID)).toBe('Harbour Street Bakery, reopened');
  }, 60_000);
});

/** What Salesforce has really sent, where it lies beside the repository; else the context's own in the same forms. */
function recordedEvents(): string[] {
  const root = join(import.meta.dirname, '../..');
  const recorded = join(root, '../shared/fixtures/salesforce');
  const folder = existsSync(recorded) ? recorded : join(root, 'packages/contexts/clients/fixtures');
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  expect(files.length).toBeGreaterThanOrEqual(2);
  return files.map((name) => join(folder, name));
}
