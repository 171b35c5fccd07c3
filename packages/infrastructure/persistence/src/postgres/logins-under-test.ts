// The logins that an administrator makes in production, with names of one test and with passwords.
import pg from 'pg';
import type { PostgresUnderTest } from './postgres-under-test.ts';
import { setupSql, type Logins } from './roles.ts';

const PASSWORD = 'test';

export class LoginsUnderTest {
  readonly names: Logins;
  readonly #postgres: Pick<PostgresUnderTest, 'administrator' | 'url'>;

  constructor(names: Logins, postgres: Pick<PostgresUnderTest, 'administrator' | 'url'>) {
    this.names = names;
    this.#postgres = postgres;
  }

  /** The rows of the last statement, run by this login as it comes in. */
  async as(login: string, sql: string): Promise<unknown[]> {
    const url = new URL(this.#postgres.url);
    url.username = login;
    url.password = PASSWORD;
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    try {
      const results = await client.query(sql);
      return [results].flat().at(-1)!.rows;
    } finally {
      await client.end();
    }
  }

  async drop(): Promise<void> {
    await this.#postgres.administrator.query(`drop role ${Object.values(this.names).join(', ')}`);
  }
}

export async function loginsUnderTest(
  postgres: Pick<PostgresUnderTest, 'administrator' | 'url'>,
): Promise<LoginsUnderTest> {
  const id = crypto.randomUUID().replaceAll('-', '');
  const made = { migration: `migration_${id}`, api: `api_${id}`, worker: `worker_${id}` };
  await postgres.administrator.query(setupSql(new URL(postgres.url).pathname.slice(1), made));
  for (const login of Object.values(made)) {
    await postgres.administrator.query(`alter role ${login} password '${PASSWORD}'`);
  }
  return new LoginsUnderTest(made, postgres);
}
