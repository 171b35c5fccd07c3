// What was done, and whose answer nobody has heard: it is not done again.
import { CommandStore, EventStore, ExactJson, type NewCommand } from '@groundwork/application';
import { compose, platformModules, readSettings, type App } from '@groundwork/configuration';
import { streamId } from '@groundwork/domain';
import {
  collected,
  eventually,
  newEvent,
  newId,
  newTenant,
  testDatabase,
  type TestDatabase,
} from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { counterModule } from './counter.module.ts';
import { COUNT, COUNT_PERMISSION, COUNTERS_TABLE } from './counting.module.ts';
import type { Death } from './death.module.ts';
import { dyingWorker } from './dying-worker.ts';

const WAIT_MAX_MS = 20_000;
const tenant = newTenant();
const stream = streamId('counter', 'one');

describe('on PostgreSQL', () => {
  let database: TestDatabase;
  let administrator: Client;
  let api: App;
  beforeAll(async () => {
    database = await testDatabase();
    administrator = new Client({ connectionString: database.url });
    await administrator.connect();
    await administrator.query(COUNTERS_TABLE);
    const settings = readSettings({ DATABASE_URL: database.url, LOG_LEVEL: 'error' });
    api = await compose({ program: 'api', modules: [...platformModules(settings, 'api'), counterModule] });
  }, 30_000);
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
    await administrator.end();
    await database.drop();
  });

  const newCount = (): NewCommand => ({
    id: newId(),
    tenant,
    type: COUNT,
    payload: new ExactJson(JSON.stringify({ counter: stream.id })),
    orderKeys: [stream.id],
    idempotencyKey: undefined,
    fingerprint: 'f',
    actor: { subject: 'ada', permissions: [COUNT_PERMISSION] },
    correlationId: 'c-1',
  });
  const accept = (command: NewCommand) => api.get(CommandStore).accept(command);
  const stored = () => collected(api.get(EventStore).readStream(tenant, stream));
  const row = async (): Promise<unknown> =>
    (await administrator.query('select count, stream_version from bench.counter where tenant = $1', [tenant])).rows[0];
  const deathOf = (death: Death): Promise<unknown> => dyingWorker(database.url, death).signal;

  it('S1-44 a command sent twice and a batch stored twice have one effect and one result, whoever is killed before the answer', async () => {
    const [first, second] = [newCount(), newCount()];
    for (const repeated of [false, true]) expect(await accept(first)).toMatchObject({ repeated });

    // The events of the command are stored, and nobody has heard of it.
    expect(await deathOf('before a command is acknowledged')).toBe('SIGKILL');
    expect(await stored()).toHaveLength(1);
    expect((await api.get(CommandStore).get(tenant, first.id))!.status).not.toBe('processed');

    // The rows of a batch are stored, and nobody has heard of it.
    await administrator.query(`
      delete from bench.counter;
      update groundwork.projection_slice set position = 0, epoch = epoch + 1, owner = null, lease_until = null`);
    expect(await deathOf('behind the commit of a batch')).toBe('SIGKILL');
    expect(await row()).toEqual({ count: 1, stream_version: 1 });

    await accept(second);
    const worker = dyingWorker(database.url, 'never');
    await eventually(
      async () => (await api.get(CommandStore).get(tenant, second.id))!.status === 'processed',
      WAIT_MAX_MS,
    );
    const both = { count: 2, stream_version: 2 };
    await eventually(async () => JSON.stringify(await row()) === JSON.stringify(both), WAIT_MAX_MS);
    for (const [n, command] of [first, second].entries()) {
      expect(await accept(command)).toMatchObject({
        repeated: true,
        command: { id: command.id, status: 'processed', result: { streamVersion: n + 1 } },
      });
    }

    // The same batch of events once more: the log knows it, and so do the rows.
    const events = [newEvent('CounterIncreased', { by: 1 }), newEvent('CounterIncreased', { by: 1 })];
    const append = { tenant, stream, expected: 'any', events } as const;
    for (const repeated of [false, true]) {
      expect(await api.get(EventStore).append(append)).toMatchObject({ repeated, streamVersion: 4 });
      await eventually(async () => ((await row()) as typeof both).count === 4, WAIT_MAX_MS);
    }
    await worker.stop();
    expect(await stored()).toHaveLength(4);
    expect(await row()).toEqual({ count: 4, stream_version: 4 });
  }, 90_000);
});
