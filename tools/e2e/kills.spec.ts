import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { clientFeeds, MARK } from './change-feed.ts';
import { clientRows, expectNothingLostNorTwice, rowsOf, settled, withDatabase } from './observed-log.ts';
import { deliver, type Accepted } from './producer.ts';
import { freePorts, holds, partOf, startProduct, type Part, type Product } from './started-product.ts';

const feeds = clientFeeds('Kill', 25, 80);
/** What is killed once so many events were accepted. */
const KILLS: ReadonlyMap<number, readonly Part[]> = new Map([
  [300, ['api']],
  [600, ['worker']],
  [900, ['database']],
  [1_200, ['api', 'worker', 'database']],
  [1_500, ['worker', 'database']],
]);

describe('the product under kill -9', () => {
  let dataDir: string;
  let product: Product;
  let accepted: readonly Accepted[];
  const killed: number[] = [];

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'gw-kills-'));
    chmodSync(dataDir, 0o711);
    // A worker that died is believed dead after this long; the defaults, 5 s and 10 s, would only prolong the test.
    const leases = { GW_WORKER_LEASE_MS: '3000', GW_WORKER_COMMAND_LEASE_MS: '3000' };
    product = await startProduct(dataDir, await freePorts(), leases);
  }, 90_000);
  afterAll(async () => {
    await product?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }, 60_000);

  async function kill(part: Part): Promise<void> {
    await holds(async () => expect(partOf(product, part)).toBeDefined(), 30_000);
    const pid = partOf(product, part)!;
    process.kill(pid, 'SIGKILL');
    killed.push(pid);
  }

  it('takes 2,000 change events while api, worker and PostgreSQL are killed: nothing is lost, twice or out of order', async () => {
    const kills: Promise<unknown>[] = [];
    accepted = await deliver(feeds, {
      post: (body) => product.send('/v1/events/salesforce', { method: 'POST', body }),
      onAccepted: (count) => kills.push(...(KILLS.get(count) ?? []).map(kill)),
    });
    await Promise.all(kills);
    expect(killed).toHaveLength(8);

    await holds(async () => expect((await product.send('/v1/clients')).status).toBe(200), 30_000);
    await withDatabase(dataDir, async (client) => {
      await settled(client);
      await expectNothingLostNorTwice(client, feeds, accepted);
    });
  }, 180_000);

  it('S1-48 has kept one snapshot of each client, with the very event that it was kept with', async () => {
    const snapshots = await withDatabase(dataDir, (client) =>
      rowsOf(
        client,
        `select n.stream_version, n.digest = sha256(convert_to(n.state, 'UTF8')) as whole
           from groundwork.snapshot n join groundwork.event e using (stream_id, stream_version, position)`,
      ),
    );
    expect(snapshots).toEqual(feeds.map(() => ({ stream_version: 50, whole: true })));
  });

  it('has started again what was killed, and nothing else is left of it', () => {
    for (const part of ['api', 'worker', 'database'] as const) expect(killed).not.toContain(partOf(product, part));
    expect(killed.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(product.lines.filter((line) => line.startsWith('The database is back.'))).toHaveLength(3);
    for (const name of ['api', 'worker'])
      expect(product.lines.filter((line) => line.startsWith(`The ${name} has ended (SIGKILL)`)).length).toBeGreaterThan(
        1,
      );
  });

  it('S0-12 a rebuild from the first event gives identical rows', async () => {
    const ids = feeds.map(({ clientId }) => clientId);
    const before = await withDatabase(dataDir, (client) => clientRows(client, ids));
    const begun = await product.send('/v1/projections/clients.client-list/rebuild', { method: 'POST' });
    expect(begun.status).toBe(202);
    await holds(async () => {
      expect((await product.ask(begun.headers.get('location')!)).body).toMatchObject({ state: 'done', errors: [] });
    }, 30_000);
    await withDatabase(dataDir, async (client) => {
      expect(await clientRows(client, ids)).toEqual(before);
      await expectNothingLostNorTwice(client, feeds, accepted);
    });
  }, 60_000);

  it('S0-79 has written no value of a payload into its logs, whatever went wrong meanwhile', () => {
    expect(product.lines.filter((line) => line.includes('"level":')).length).toBeGreaterThan(2_000);
    expect(product.lines.filter((line) => line.includes(MARK))).toEqual([]);
    expect(product.lines.filter((line) => /unhandled|uncaught/i.test(line))).toEqual([]);
  });
});
