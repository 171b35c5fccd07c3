import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { testDatabase } from '@groundwork/testing';
import { Command } from 'commander';
import { Client } from 'pg';
import { run } from '../run.ts';
import { addDataMigrationCommand } from './data-migration.ts';

const declared = [{ name: 'shop.fold-names', table: 'shop.item', set: { folded: 'lower(name)' } }];

describe('gw db data-migration', () => {
  let database: Awaited<ReturnType<typeof testDatabase>>;
  let client: Client;
  const printed = { out: '', err: '' };

  beforeAll(async () => {
    database = await testDatabase();
    client = new Client({ connectionString: database.url });
    await client.connect();
    await client.query(`
      create schema shop authorization groundwork_owner;
      create table shop.item (number int primary key, name text, folded text);
      alter table shop.item owner to groundwork_owner;
      insert into shop.item select n, 'Name ' || n from generate_series(1, 30) n`);
    process.env['DATABASE_URL'] = database.url;
  });
  afterAll(async () => {
    delete process.env['DATABASE_URL'];
    await client.end();
    await database.drop();
  });
  beforeEach(() => {
    Object.assign(printed, { out: '', err: '' });
    for (const [name, stream] of [
      ['out', process.stdout],
      ['err', process.stderr],
    ] as const)
      jest.spyOn(stream, 'write').mockImplementation((text) => ((printed[name] += String(text)), true));
  });
  afterEach(() => void jest.restoreAllMocks());

  async function gw(...args: readonly string[]): Promise<number> {
    const program = new Command('gw').exitOverride();
    addDataMigrationCommand(program, async () => declared);
    return run(program, ['data-migration', ...args]);
  }

  it('S4-05 lists, tries, runs with its progress, and verifies what the contexts declare', async () => {
    expect(await gw('--json')).toBe(0);
    expect(JSON.parse(printed.out)).toEqual(declared);
    printed.out = '';
    expect(await gw('shop.fold-names', '--dry-run')).toBe(0);
    expect(printed.out).toBe('30 of 30 rows would be changed.\n');
    expect(await gw('shop.fold-names', '--verify')).toBe(3);
    expect(printed.err).toContain('cli.rows-differ');
    printed.err = '';
    expect(await gw('shop.fold-names', '--batch', '20', '--pause-ms', '0')).toBe(0);
    expect(printed.out).toContain('shop.fold-names: 30 rows changed, 30 of 30 looked at.');
    expect(printed.err).toMatch(/^20 of 30 \(66 %\).*\n30 of 30 \(100 %\)/);
    expect(await gw('shop.fold-names', '--verify')).toBe(0);
  });

  it('names those that there are when it is asked for another, and says how it is used', async () => {
    expect(await gw('shop.unfold')).toBe(1);
    expect(printed.err).toContain('There are shop.fold-names.');
    expect(await gw('shop.fold-names', '--batch', 'many')).toBe(2);
  });
});
