// Writers are killed and PostgreSQL ends without a word, again and again: what they have acknowledged is all there.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Append } from '@groundwork/application';
import {
  infrastructureFactory,
  migrate,
  prepareEmbeddedDatabase,
  startEmbeddedPostgres,
  type DatabaseUrls,
  type EmbeddedPostgres,
} from '@groundwork/configuration';
import type { StreamId } from '@groundwork/domain';
import { collected, eventually, newEvent, newStream, newTenant } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { counterModule } from './counter.module.ts';
import { NotStored, storeProcess, type StoreProcess } from './store-process.ts';

const STREAMS_PER_WRITER = 4;
const SNAPSHOT_EVERY = 5;
const ACKNOWLEDGED_BETWEEN_FAULTS = 100;
const FAULTS: readonly (readonly (number | 'database')[])[] = [[0], ['database'], [1, 'database']];
const WAIT_MAX_MS = 30_000;

interface Acknowledged {
  readonly stream: StreamId;
  readonly streamVersion: number;
  readonly id: string;
  readonly hasSnapshot: boolean;
}

describe('events and snapshots in PostgreSQL', () => {
  const tenant = newTenant();
  const acknowledged: Acknowledged[] = [];
  const writers: StoreProcess[] = [];
  let unanswered = 0;
  let isWriting = true;
  let dataDir: string;
  let database: EmbeddedPostgres;
  let urls: DatabaseUrls;

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'gw-crash-'));
    chmodSync(dataDir, 0o711);
    await startDatabase();
    urls = await prepareEmbeddedDatabase(database.url);
    await migrate(urls.migration);
    writers.push(...(await Promise.all([0, 1].map(() => storeProcess(urls.worker)))));
  }, 60_000);
  afterAll(async () => {
    isWriting = false;
    for (const writer of writers) await writer.kill();
    await database?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }, 30_000);

  async function startDatabase(): Promise<void> {
    const port = database === undefined ? {} : { port: Number(new URL(database.url).port) };
    database = await startEmbeddedPostgres({ dataDir, durable: true, ...port, log: () => undefined });
  }

  it('S1-02, S3-18, S4-10 survive killed writers and a PostgreSQL that ends at once: nothing acknowledged is lost', async () => {
    const loops = Array.from({ length: writers.length * STREAMS_PER_WRITER }, (_, n) => write(n % writers.length));
    for (const faults of FAULTS) {
      const wanted = acknowledged.length + ACKNOWLEDGED_BETWEEN_FAULTS;
      await Promise.race([eventually(() => acknowledged.length >= wanted, WAIT_MAX_MS), Promise.all(loops)]);
      await Promise.all(faults.map((fault) => (fault === 'database' ? crashDatabase() : killWriter(fault))));
    }
    await sleep(200);
    isWriting = false;
    await Promise.all(loops);
    expect(unanswered).toBeGreaterThan(0);

    await using infrastructure = await infrastructureFactory({ databaseUrl: urls.worker, modules: [counterModule] });
    const store = infrastructure.eventStore;
    for (const [stream, appends] of Map.groupBy(acknowledged, (append) => append.stream)) {
      const stored = await collected(store.readStream(tenant, stream));
      // Each once, in its place; the loops end with an answer, so that there is nothing else.
      expect(stored.map(({ id, streamVersion }) => [id, streamVersion])).toEqual(
        appends.map(({ id, streamVersion }) => [id, streamVersion]),
      );
      const { snapshot, later } = await store.readFromSnapshot(tenant, stream, { from: 1, to: 1 });
      const kept = appends.filter(({ hasSnapshot }) => hasSnapshot).at(-1)!.streamVersion;
      expect(snapshot).toMatchObject({ streamVersion: kept, stateText: `{"count":${kept}}` });
      expect(await collected(later)).toHaveLength(stored.length - kept);
    }
    expect(await collected(store.readStream(tenant, newStream()))).toEqual([]);
  }, 120_000);

  /** One stream, append after append, through whatever process has this place. */
  async function write(place: number): Promise<void> {
    const stream = newStream('counter');
    for (let version = 0; isWriting || version < SNAPSHOT_EVERY; version++) {
      const event = newEvent('CounterIncreased', { by: 1 });
      const hasSnapshot = (version + 1) % SNAPSHOT_EVERY === 0;
      const snapshot = { schemaVersion: 1, stateText: `{"count":${version + 1}}` };
      const append = { tenant, stream, expected: version, events: [event], ...(hasSnapshot ? { snapshot } : {}) };
      await untilAcknowledged(place, append);
      acknowledged.push({ stream, streamVersion: version + 1, id: event.id, hasSnapshot });
    }
  }

  /** Repeats what was not answered, or not knowing whether it was stored; a conflict would be a finding. */
  async function untilAcknowledged(place: number, append: Append): Promise<void> {
    for (const deadline = Date.now() + WAIT_MAX_MS; ;) {
      try {
        return void (await writers[place]!.append(append));
      } catch (error) {
        const isOpen = error instanceof NotStored && [undefined, 'database.unavailable'].includes(error.code);
        if (!isOpen || Date.now() > deadline) throw error;
        unanswered++;
        await sleep(20);
      }
    }
  }

  async function killWriter(place: number): Promise<void> {
    await writers[place]!.kill();
    writers[place] = await storeProcess(urls.worker);
  }

  /** As `pg_ctl stop -m immediate`, which cannot be asked by root: that is this signal to the postmaster. */
  async function crashDatabase(): Promise<void> {
    process.kill(database.pid, 'SIGQUIT');
    await database.ended;
    await database.stop();
    await startDatabase();
  }
});
