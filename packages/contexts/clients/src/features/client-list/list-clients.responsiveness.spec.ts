// A long walk through the list and many appends leave the process free for everything else.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { newEvent, newStream } from '@groundwork/testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { clientDatabaseUnderTest, rowWith, type ClientDatabase } from '../../adapters/client-database-under-test.ts';
import { SAMPLE_TENANT } from '../../change-events-under-test.ts';
import { clientsUnderTest, type ClientsUnderTest } from '../../clients-under-test.ts';

const APPENDS = 1_000;
const CLIENTS = 10_000;
const PAGE = 100;
const DELAY_MAX_MS = 50;
// What else runs on the machine may take the processor away from us; it will not do so in every round.
const ROUNDS_MAX = 3;

let database: ClientDatabase;
let clients: ClientsUnderTest;
beforeAll(async () => {
  database = await clientDatabaseUnderTest();
  clients = await clientsUnderTest({ databaseUrl: database.url });
  await storeClients();
});
afterAll(async () => {
  await clients.close();
  await database.close();
});

it('S0-47 the event loop is at most 50 ms late (p99) during 1,000 appends and a search through 10,000 clients', async () => {
  let p99Ms = Infinity;
  for (let round = 0; round < ROUNDS_MAX && p99Ms >= DELAY_MAX_MS; round++) {
    const delays = monitorEventLoopDelay({ resolution: 1 });
    delays.enable();
    const [found] = await Promise.all([searchThrough('client'), appendMany()]);
    delays.disable();
    expect(found).toBe(CLIENTS);
    expect(delays.count).toBeGreaterThan(100);
    p99Ms = delays.percentile(99) / 1e6;
  }
  expect(p99Ms).toBeLessThan(DELAY_MAX_MS);
});

const appendMany = () =>
  Promise.all(
    Array.from({ length: APPENDS }, () =>
      clients.events.append({
        tenant: SAMPLE_TENANT,
        stream: newStream('client'),
        expected: 'no-stream',
        events: [newEvent('ClientCreated', { Name: 'A new one' })],
      }),
    ),
  );

/** Walks to the end of a search and counts the clients. */
async function searchThrough(search: string): Promise<number> {
  let found = 0;
  for (let cursor: string | null | undefined; cursor !== null;) {
    const query = { search, limit: String(PAGE), ...(cursor === undefined ? {} : { cursor }) };
    const { body } = await clients.call('GET /v1/clients', { query });
    const page = body as { items: readonly unknown[]; next: string | null };
    found += page.items.length;
    cursor = page.next;
  }
  return found;
}

async function storeClients(): Promise<void> {
  const rows = Array.from({ length: CLIENTS }, (_, n) =>
    rowWith({ aggregate_id: `0010000000000${10_000 + n}`, name: `Client ${n}` }),
  );
  for (let at = 0; at < CLIENTS; at += 1_000) await database.store(SAMPLE_TENANT, rows.slice(at, at + 1_000));
}
