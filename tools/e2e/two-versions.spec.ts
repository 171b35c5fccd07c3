// The programs of one version go on while the schema is brought to the next one, whose programs read it beside them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { infrastructureFactory, issueDevelopmentToken, migrate } from '@groundwork/configuration';
import { testDatabase } from '@groundwork/testing';
import { expect, it } from '@jest/globals';
import { Client } from 'pg';
import { productMigrations, productSettings } from '../../apps/cli/src/product.ts';
import { clientFeeds } from './change-feed.ts';
import { expectNothingLostNorTwice, settled } from './observed-log.ts';
import { deliver } from './producer.ts';
import { startProgram, untilReady } from './program.ts';
import { sendTo } from './started-product.ts';

const feeds = clientFeeds('Next', 10, 40);
const EXPANDED_AT = 100;

it('S4-55 the old version takes every event while the schema is expanded; the contraction waits for its end', async () => {
  await using opened = new AsyncDisposableStack();
  const dataDir = mkdtempSync(join(tmpdir(), 'gw-versions-'));
  opened.defer(() => rmSync(dataDir, { recursive: true }));
  const { url } = opened.adopt(await testDatabase(), (database) => database.drop());
  const next = [...(await productMigrations(productSettings({}))), Expand1900000000000, Contract1900000000001];
  const old = (['api', 'worker'] as const).map((name) =>
    startProgram(name, { GW_DATA_DIR: dataDir, DATABASE_URL: url }),
  );
  opened.defer(() => old.forEach((program) => program.kill('SIGKILL')));
  await untilReady(...old);
  const token = await issueDevelopmentToken(productSettings({ GW_DATA_DIR: dataDir }).security);
  const send = sendTo(await old[0]!.url(), `Bearer ${token}`);

  let expanded: Promise<unknown> | undefined;
  const accepted = await deliver(feeds, {
    post: (body) => send('/v1/events/salesforce', { method: 'POST', body }),
    onAccepted: (count) => {
      if (count === EXPANDED_AT) expanded = migrate(url, next, { holdContractions: true });
    },
  });
  expect(await expanded).toEqual({ executed: ['Expand1900000000000'], held: ['Contract1900000000001'] });

  const database = new Client({ connectionString: url });
  await database.connect();
  opened.defer(() => database.end());
  await settled(database);
  await expectNothingLostNorTwice(database, feeds, accepted);
  expect(await nicknames(url)).toEqual(feeds.map(() => 'none'));

  for (const program of old) program.kill('SIGTERM');
  expect(await Promise.all(old.map(({ exitCode }) => exitCode))).toEqual([0, 0]);
  expect(await migrate(url, next)).toEqual({ executed: ['Contract1900000000001'], held: [] });
  expect(await nicknames(url)).toEqual(feeds.map(() => 'none'));
}, 90_000);

class Expand1900000000000 {
  readonly transaction = false; // An index is built concurrently only outside of one.
  async up(runner: Runner): Promise<void> {
    await runner.query(`alter table clients.client add column nickname text not null default 'none'`);
    await runner.query('create index concurrently client_by_nickname on clients.client (tenant, nickname)');
  }
  async down(): Promise<void> {}
}

class Contract1900000000001 {
  readonly phase = 'contract';
  async up(runner: Runner): Promise<void> {
    await runner.query('alter table clients.client drop column industry');
  }
  async down(): Promise<void> {}
}

interface Runner {
  query(sql: string): Promise<unknown>;
}

/** What a program of the next version reads, as the tenant's api would. */
async function nicknames(url: string): Promise<readonly string[]> {
  const infrastructure = await infrastructureFactory({ databaseUrl: url });
  try {
    const rows = await infrastructure.readModels.within('demo' as never, (manager) =>
      manager.query<{ nickname: string }[]>('select nickname from clients.client'),
    );
    return rows.map(({ nickname }) => nickname);
  } finally {
    await infrastructure.close();
  }
}
