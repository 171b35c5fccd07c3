import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testDatabase, type TestDatabase } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';

const gwJs = join(import.meta.dirname, '../../bin/gw.js');

describe('gw db policies', () => {
  let folder: string;
  let database: TestDatabase;
  let administrator: Client;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gw-policies-'));
    database = await testDatabase();
    administrator = new Client({ connectionString: database.url });
    await administrator.connect();
  });
  afterAll(async () => {
    await administrator.end();
    await database.drop();
    rmSync(folder, { recursive: true });
  });

  const policies = (...args: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const env = { PATH: process.env['PATH'], DATABASE_URL: database.url };
      execFile(process.execPath, [gwJs, 'db', 'policies', ...args], { env }, (error, stdout, stderr) => {
        resolve({ status: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      });
    });
  const conditions = async (): Promise<unknown> =>
    (await administrator.query(`select policyname, qual from pg_policies where tablename = 'client' order by 1`)).rows;

  it('S1-65 ends with status 3 when a policy has a fault; --fix writes the migration and touches no database', async () => {
    const none = await policies('--fix', '--dir', folder, '--json');
    expect([none.status, JSON.parse(none.stdout), readdirSync(folder)]).toEqual([0, { faults: [], file: null }, []]);

    await administrator.query('alter policy own_tenant on clients.client using (true)');
    const before = await conditions();
    const found = await policies();
    expect([found.status, found.stdout]).toEqual([
      3,
      expect.stringMatching(/tenant-condition-missing +clients.client +own_tenant +true/),
    ]);
    const { status, stdout, stderr } = await policies('--fix', '--dir', folder, '--json');
    expect([status, stderr]).toEqual([3, expect.stringContaining('cli.policy-faults-found')]);
    const { file } = JSON.parse(stdout) as { file: string };
    expect(readFileSync(file, 'utf8')).toContain(
      `create policy "own_tenant" on clients.client for select to groundwork_app using (tenant = nullif(current_setting('groundwork.tenant', true), ''))`,
    );
    expect(await conditions()).toEqual(before);
    expect((await policies('--fix', '--dir', join(folder, 'nowhere'))).stderr).toContain('cli.unwritable-file');
  });
});
