import { MemoryLogger, PlainResilience } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { databaseHealth } from './database-health.ts';
import { Signals } from './signals.ts';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';

const NAME = `limited_${crypto.randomUUID().replaceAll('-', '')}`;

describe('the health of the database', () => {
  let postgres: PostgresUnderTest;
  beforeAll(async () => {
    postgres = await postgresUnderTest();
    await postgres.administrator.query(`create role ${NAME} login password 'test' in role groundwork_app`);
  });
  afterAll(async () => {
    await postgres.administrator.query(`drop role ${NAME}`);
    await postgres.close();
  });

  const warningsFor = async (url: string): Promise<string[]> => {
    const logger = new MemoryLogger();
    const database = postgres.connect('groundwork_app', { url });
    const health = databaseHealth(database, new Signals(database, url, logger), logger, new PlainResilience());
    await health.check();
    await health.check();
    return logger.lines.map(({ level, message }) => `${level}: ${message}`);
  };

  it('warns, once, when the login of the process can become the owner of the log', async () => {
    expect(await warningsFor(postgres.url)).toEqual([
      expect.stringMatching(/^warn: .*DATABASE_URL.*gw db setup --sql/),
    ]);
  });

  it('says nothing when the login can only do what the process needs', async () => {
    const url = new URL(postgres.url);
    url.username = NAME;
    url.password = 'test';
    expect(await warningsFor(url.href)).toEqual([]);
  });
});
