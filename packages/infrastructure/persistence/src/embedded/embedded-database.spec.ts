import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { migrate, migrationStatus, PLATFORM_MIGRATIONS } from '../postgres/migrate.ts';
import { prepareEmbeddedDatabase, type DatabaseUrls } from './embedded-database.ts';
import { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts';

describe('the database of an embedded server', () => {
  let dataDir: string;
  let server: EmbeddedPostgres;
  let urls: DatabaseUrls;
  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'gw-embedded-database-'));
    chmodSync(dataDir, 0o711);
    server = await startEmbeddedPostgres({ dataDir, durable: false, log: () => undefined });
    urls = await prepareEmbeddedDatabase(server.url);
  }, 60_000);
  afterAll(async () => {
    await server?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('is migrated by its own login, and by no other', async () => {
    const refused = { code: 'database.setup-needed' };
    await expect(migrate(urls.api)).rejects.toMatchObject(refused);
    await expect(migrate(urls.worker)).rejects.toMatchObject(refused);
    await expect(migrationStatus(urls.api)).rejects.toMatchObject(refused);
    expect((await migrate(urls.migration)).executed).toHaveLength(PLATFORM_MIGRATIONS.length);
    expect((await migrationStatus(urls.migration)).pending).toEqual([]);
  });

  it.each(['api', 'worker'] as const)(
    'does not let the %s become its owner or delete from the log',
    async (program) => {
      for (const sql of [
        'set role groundwork_owner',
        'delete from groundwork.event',
        'drop schema groundwork cascade',
      ]) {
        await expect(run(urls[program], sql)).rejects.toMatchObject({ code: '42501' });
      }
    },
  );

  it('does not let the api take the rights of the worker', async () => {
    await expect(run(urls.api, 'set role groundwork_worker')).rejects.toMatchObject({ code: '42501' });
    await run(urls.api, 'set role groundwork_app');
    await run(urls.worker, 'set role groundwork_worker');
  });

  it('takes the rights of the owner from the one login of older data directories', async () => {
    const old = new URL(urls.api);
    old.username = 'groundwork';
    await run(
      server.url,
      `create role groundwork login password '${old.password}';
       grant groundwork_owner, groundwork_app, groundwork_worker to groundwork`,
    );
    await run(old.href, 'set role groundwork_owner');
    expect(await prepareEmbeddedDatabase(server.url)).toEqual(urls);
    for (const role of ['groundwork_owner', 'groundwork_worker', 'groundwork_app']) {
      await expect(run(old.href, `set role ${role}`)).rejects.toMatchObject({ code: '42501' });
    }
  });

  it('may be prepared by several processes at once', async () => {
    const all = await Promise.all([1, 2, 3, 4].map(() => prepareEmbeddedDatabase(server.url)));
    expect(all).toEqual([urls, urls, urls, urls]);
  });
});

async function run(url: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
