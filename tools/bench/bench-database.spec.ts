import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testDatabase } from '@groundwork/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { withBenchDatabase } from './bench-database.ts';
import { reachSteadyState } from './steady-state.ts';

describe('the database of a benchmark', () => {
  let dataDir: string;
  let notes: string[];
  const note = (line: string): void => void notes.push(line);
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'gw-bench-'));
    chmodSync(dataDir, 0o711);
    notes = [];
    Object.assign(process.env, { GW_DATA_DIR: dataDir, DATABASE_URL: 'postgres://nobody@127.0.0.1:9/business' });
  });
  afterEach(() => {
    for (const variable of ['GW_DATA_DIR', 'DATABASE_URL', 'GW_BENCH_DATABASE_URL']) delete process.env[variable];
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('is on a server of its own, whatever DATABASE_URL names, and nothing of it stays behind', async () => {
    const events = await withBenchDatabase(note, async (url) => {
      expect(existsSync(join(dataDir, 'bench/cluster'))).toBe(true);
      await reachSteadyState(url, note);
      return ask(url, 'select count(*)::int as count from groundwork.event');
    });
    expect(events).toEqual([{ count: 0 }]);
    expect(readdirSync(dataDir)).toEqual([]);
    expect(notes).toEqual([expect.stringMatching(/48 segments .*768 MB.* checkpoint/)]);
  }, 60_000);

  it('stays behind no more when the benchmark fails', async () => {
    const failing = withBenchDatabase(note, async () => Promise.reject(new Error('measured wrong')));
    await expect(failing).rejects.toThrow('measured wrong');
    expect(readdirSync(dataDir)).toEqual([]);
  }, 60_000);

  it('is on the server that GW_BENCH_DATABASE_URL names, and is said to be', async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.adopt(await testDatabase(), (database) => database.drop());
    process.env['GW_BENCH_DATABASE_URL'] = server.url;
    const { host } = new URL(server.url);
    const name = await withBenchDatabase(note, async (url) => {
      expect(new URL(url).host).toBe(host);
      return new URL(url).pathname.slice(1);
    });
    expect(await ask(server.url, `select from pg_database where datname = '${name}'`)).toEqual([]);
    expect(notes).toEqual([expect.stringContaining(host)]);
    expect(notes[0]).not.toContain(new URL(server.url).password);
  });
});

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
