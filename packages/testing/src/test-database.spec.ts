import { afterAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { testDatabase, type TestDatabase } from './test-database.ts';

describe('testDatabase', () => {
  const made: TestDatabase[] = [];
  afterAll(async () => {
    for (const database of made) await database.drop();
  });

  it('gives everyone who asks a database of their own, also at the same moment', async () => {
    made.push(...(await Promise.all([testDatabase(), testDatabase(), testDatabase()])));
    const names = await Promise.all(made.map(({ url }) => databaseName(url)));
    expect(new Set(names).size).toBe(3);
  });

  it('drops the database although somebody is connected', async () => {
    const database = await testDatabase();
    const client = new Client({ connectionString: database.url });
    client.on('error', () => undefined);
    await client.connect();
    await database.drop();
    await expect(databaseName(database.url)).rejects.toMatchObject({ code: '3D000' });
  });
});

async function databaseName(url: string): Promise<string> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query('select current_database() as name')).rows[0].name;
  } finally {
    await client.end();
  }
}
