// What the pool tells about itself when it is full.
import { eventually, FaultProxy, MemoryMetrics } from '@groundwork/testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts';

let postgres: PostgresUnderTest;
beforeAll(async () => {
  postgres = await postgresUnderTest();
});
afterAll(() => postgres.close());

it('S0-52 the pool tells how many connections there are, how many rest, who waits and for how long', async () => {
  const metrics = new MemoryMetrics();
  const database = postgres.connect('groundwork_app', { metrics, poolSizeMax: 3 });
  const connections = () =>
    ['total', 'idle', 'waiting'].map((state) => metrics.value('groundwork_db_pool_connections', { state }));
  const waits = () => metrics.observed('groundwork_db_pool_wait_seconds');

  // Two connections, held until they are let go.
  const release = Promise.withResolvers<void>();
  const held = Array.from({ length: 2 }, () => database.transaction(undefined, () => release.promise));
  await eventually(() => database.pool.totalCount === 2 && waits().length === 2);
  expect(connections()).toEqual([2, 0, 0]);

  // Nothing happens in the pool when somebody begins to wait, and yet it is seen.
  const waiting = Array.from({ length: 20 }, () => database.query({ name: 'ping', text: 'select 1' }));
  await eventually(() => database.pool.waitingCount === 20);
  const allWaitAt = performance.now();
  expect(connections()).toEqual([2, 0, 20]);
  await eventually(async () => (await sessionsWaiting()) === 2);

  const waitedSeconds = (performance.now() - allWaitAt) / 1_000;
  release.resolve();
  await Promise.all([...held, ...waiting]);
  expect(connections()).toEqual([2, 2, 0]);
  expect(waits()).toHaveLength(22);
  expect(Math.min(...waits().slice(2))).toBeGreaterThanOrEqual(waitedSeconds);
});

it('S0-52 those who give up waiting are seen, too', async () => {
  const metrics = new MemoryMetrics();
  const database = postgres.connect('groundwork_app', { metrics, poolSizeMax: 2, connectTimeoutMs: 150 });
  const release = Promise.withResolvers<void>();
  const held = database.transaction(undefined, () => release.promise);
  await eventually(() => database.pool.totalCount === 1 && database.pool.waitingCount === 0);
  const beganAt = performance.now();
  await expect(database.query({ name: 'ping', text: 'select 1' })).rejects.toMatchObject({
    code: 'database.unavailable',
  });
  // An exhausted pool is not asked again and again.
  expect(performance.now() - beganAt).toBeLessThan(1_000);
  expect(metrics.value('groundwork_db_pool_connections', { state: 'waiting' })).toBe(0);
  expect(metrics.observed('groundwork_db_pool_wait_seconds').at(-1)).toBeGreaterThanOrEqual(0.14);
  release.resolve();
  await held;
});

it.each([
  ['says nothing', 'silent', undefined],
  ['hangs up', 'refusing', undefined],
  ['is starting', 'refusing', '57P03'],
] as const)(
  'a PostgreSQL that %s is asked once, and not as often as the pool has connections',
  async (_, state, code) => {
    const { proxy, url } = await FaultProxy.beforeUrl(postgres.url);
    if (code !== undefined) proxy.refusal = fatal(code);
    proxy.state = state;
    const database = postgres.connect('groundwork_app', { url, connectTimeoutMs: 200 });
    await expect(database.query({ name: 'ping', text: 'select 1' })).rejects.toMatchObject({
      code: 'database.unavailable',
    });
    expect(proxy.attempts).toBe(1);
    await proxy[Symbol.asyncDispose]();
  },
);

it('a connection that PostgreSQL ends in the breath in which it is ready ends no process, and is replaced', async () => {
  const { url, dismissed, close } = await lineWithDismissal();
  const database = postgres.connect('groundwork_app', { url });
  await expect(database.query({ name: 'ping', text: 'select 1 as one' })).resolves.toEqual([{ one: 1 }]);
  expect(dismissed()).toBe(1);
  await database.close();
  await close();
});

/** Before PostgreSQL: the first connection is told of the shutdown in the same packet that says it is ready. */
async function lineWithDismissal() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  let dismissed = 0;
  const { hostname, port } = new URL(postgres.url);
  server.on('connection', (client) => {
    const upstream = connect(Number(port), hostname);
    for (const [from, to] of [[client, upstream] as const, [upstream, client] as const]) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
    client.on('data', (data) => upstream.write(data));
    upstream.on('data', (data) => {
      if (dismissed > 0 || !data.subarray(-READY.length).equals(READY)) return void client.write(data);
      dismissed++;
      client.end(Buffer.concat([data, fatal('57P01')]));
    });
  });
  const through = new URL(postgres.url);
  [through.hostname, through.port] = ['127.0.0.1', String((server.address() as AddressInfo).port)];
  const close = async (): Promise<void> => void (await once(server.close(), 'close'));
  return { url: through.href, dismissed: () => dismissed, close };
}

// Messages of PostgreSQL's protocol: a letter, the length of the rest, the rest.
const message = (letter: string, rest: string): Buffer => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(rest.length + 4);
  return Buffer.concat([Buffer.from(letter), length, Buffer.from(rest)]);
};
const READY = message('Z', 'I');
const fatal = (code: string): Buffer => message('E', `SFATAL\0VFATAL\0C${code}\0Mmade up\0\0`);

const sessionsWaiting = async (): Promise<number> => {
  const { rows } = await postgres.administrator.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity
      where application_name = 'groundwork-test' and state = 'idle in transaction' and datname = current_database()`,
  );
  return rows[0]!.count;
};
