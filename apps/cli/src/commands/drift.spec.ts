import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { testDatabase, type TestDatabase } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';

const gwJs = join(import.meta.dirname, '../../bin/gw.js');

describe('gw projections drift', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await testDatabase();
  });
  afterAll(() => database.drop());

  const drift = (...args: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const env = { PATH: process.env['PATH'], DATABASE_URL: database.url };
      execFile(process.execPath, [gwJs, 'projections', 'drift', ...args], { env }, (error, stdout, stderr) => {
        resolve({ status: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      });
    });

  it('S1-66 ends with status 0 where every table is as it is declared, 3 where one is not, 2 for a wrong option', async () => {
    const none = await drift('--json');
    expect([none.status, JSON.parse(none.stdout)]).toEqual([
      0,
      {
        lookedAt: expect.any(String),
        projections: [{ projection: 'clients.client-list', table: 'clients.client', drifts: [] }],
      },
    ]);

    const administrator = new Client({ connectionString: database.url });
    await administrator.connect();
    await administrator.query(`
      alter table clients.client drop column industry;
      alter table clients.client add column nickname text;
      alter table clients.client alter column priority type integer using null;
      alter table clients.client rename column currency to "Currency"`);
    await administrator.end();
    const forPrograms = await drift('--json');
    expect(forPrograms.status).toBe(3);
    expect(forPrograms.stderr).toContain('cli.drift-found');
    const { drifts } = (JSON.parse(forPrograms.stdout) as { projections: { drifts: unknown[] }[] }).projections[0]!;
    expect(drifts).toMatchObject([
      { kind: 'column-type', name: 'priority', declared: 'text', found: 'integer' },
      { kind: 'column-case', name: 'currency', declared: 'currency', found: 'Currency' },
      { kind: 'column-missing', name: 'industry', declared: 'text', found: null },
      { kind: 'column-extra', name: 'nickname', declared: null, found: 'text', isRepairable: true },
    ]);
    const forPeople = await drift();
    expect([forPeople.status, forPeople.stdout]).toEqual([3, expect.stringMatching(/column-extra +nickname +- +text/)]);
    expect((await drift('--fast')).status).toBe(2);
  });
});
