// That a wait ends when another process announces, also after the connection that listens was lost.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, MemoryLogger } from '@groundwork/testing';
import type { Database } from './database.ts';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';
import { Signals } from './signals.ts';

const LONG_MS = 60_000;

let postgres: PostgresUnderTest;
let [announcing, waiting]: Signals[] = [];
let database: Database;
beforeAll(async () => {
  postgres = await postgresUnderTest();
  database = postgres.connect('groundwork_app');
  [announcing, waiting] = [1, 2].map(() => new Signals(database, postgres.url, new MemoryLogger()));
});
afterAll(async () => {
  await announcing!.close();
  await waiting!.close();
  await postgres.close();
});

/** The sessions that listen; a session that has sent its LISTEN is idle. */
const listeners = async (): Promise<readonly number[]> => {
  const { rows } = await postgres.administrator.query<{ pid: number }>(
    `select pid from pg_stat_activity
      where application_name = 'groundwork-listen' and datname = current_database() and state = 'idle'
        and query like 'listen%'`,
  );
  return rows.map(({ pid }) => pid);
};

/** A wait for the topic that has begun to listen, with whether it has ended. */
async function begunWait(topic: 'log' | 'commands', other: number[] = []): Promise<{ isOver: boolean; pid: number }> {
  const wait = { isOver: false, pid: 0 };
  void waiting!.wait(topic, LONG_MS).then(() => (wait.isOver = true));
  wait.pid = await eventually(async () => (await listeners()).find((pid) => !other.includes(pid)));
  return wait;
}

describe('Signals', () => {
  it('ends the waits for a topic when another process announces it, and no others', async () => {
    const first = await begunWait('log');
    // Whatever came before it listened.
    await eventually(() => first.isOver);
    const [log, commands] = [await begunWait('log'), await begunWait('commands')];
    announcing!.announce('log');
    await eventually(() => log.isOver);
    expect(commands.isOver).toBe(false);
    announcing!.announce('commands');
    await eventually(() => commands.isOver);
  });

  it('listens again after the connection was lost: what was missed ends the waits, and so does what comes', async () => {
    const missed = await begunWait('log');
    await postgres.administrator.query('select pg_terminate_backend($1, 5000)', [missed.pid]);
    await eventually(() => missed.isOver);
    const wait = await begunWait('log', [missed.pid]);
    expect(wait.isOver).toBe(false);
    announcing!.announce('log');
    await eventually(() => wait.isOver);
  });

  it('announces a burst twice: its beginning at once, its end a little later', async () => {
    let heard = 0;
    postgres.administrator.on('notification', () => heard++);
    await postgres.administrator.query('listen groundwork_log');
    const bursting = new Signals(database, postgres.url, new MemoryLogger());
    for (let n = 0; n < 1_000; n++) bursting.announce('log');
    await eventually(() => heard >= 2);
    // Behind whatever else was sent.
    await database.query({ name: 'last', text: 'select 1' });
    await postgres.administrator.query('select 1');
    expect(heard).toBe(2);
    await bursting.close();
  });
});
