// A connection of the owner that the server ends is an error of the work on it, not the end of the program.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '@groundwork/testing';
import { asOwner } from './owner-connection.ts';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';

let postgres: PostgresUnderTest;
beforeAll(async () => {
  postgres = await postgresUnderTest();
});
afterAll(() => postgres.close());

it('rejects the next statement when the server has ended the connection between two', async () => {
  const work = asOwner(postgres.url, { applicationName: 'groundwork-ended' }, async (client) => {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    let hasEnded = false;
    client.once('end', () => (hasEnded = true));
    await postgres.administrator.query('select pg_terminate_backend($1)', [rows[0]!.pid]);
    await eventually(async () => hasEnded);
    await client.query('select 1');
  });
  await expect(work).rejects.toThrow(/not queryable|closed|terminat/);
});
