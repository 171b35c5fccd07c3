import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { testDatabase, type TestDatabase } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';

const gwJs = join(import.meta.dirname, '../../bin/gw.js');

describe('gw verify', () => {
  let database: TestDatabase;
  let administrator: Client;
  beforeAll(async () => {
    database = await testDatabase();
    administrator = new Client({ connectionString: database.url });
    await administrator.connect();
  });
  afterAll(async () => {
    await administrator.end();
    await database.drop();
  });

  const verify = (...args: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const env = { PATH: process.env['PATH'], DATABASE_URL: database.url };
      execFile(process.execPath, [gwJs, 'verify', ...args], { env }, (error, stdout, stderr) => {
        resolve({ status: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      });
    });

  it('ends with status 0 when everything is as it should be', async () => {
    const { status, stdout } = await verify();
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^Looked at 0 events .*\nNot compared: .*\nEverything is as it should be\.\n$/),
    });
  });

  it('ends with status 3 when something is found, and says where it is and what to do', async () => {
    await administrator.query(`
      insert into groundwork.projection values ('clients.client-list', 200001, 'clients.client', 'running');
      insert into groundwork.projection_slice (projection, slice, slices, position) values ('clients.client-list', 0, 1, 5)`);
    const place = 'clients.client-list, slice 0 at position 5 of 0';
    const forPeople = await verify();
    expect(forPeople.status).toBe(3);
    expect(forPeople.stdout).toContain(`checkpoint-ahead  1      ${place}`);
    expect(forPeople.stdout).toContain('gw projections rebuild NAME');

    const forPrograms = await verify('--json', '--sample', '10');
    expect(forPrograms.status).toBe(3);
    expect(JSON.parse(forPrograms.stdout)).toMatchObject({
      findings: [{ check: 'checkpoint-ahead', count: 1, places: [place] }],
    });
    expect(forPrograms.stderr).toContain('cli.verification-failed');
  });
});
