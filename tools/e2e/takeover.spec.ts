// How soon other workers go on with the slices of one that is gone, by the database's clock and with default leases.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '@groundwork/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client } from 'pg';
import { clientFeeds } from './change-feed.ts';
import { startInstallation, type Installation } from './installation.ts';
import { expectNothingLostNorTwice, rowsOf, settled } from './observed-log.ts';
import { deliver } from './producer.ts';
import { startProgram, type Program } from './program.ts';
import {
  clockOf,
  heldBy,
  loginsMovingSince,
  movesUnder,
  sharedBy,
  takenOverMs,
  watchSlices,
  wrongMoves,
} from './slice-moves.ts';
import { canMakeNetworks, makeNetwork, type WorkerNetwork } from './worker-network.ts';

/** So often something happens in some slice. */
const TURN_MS = 25;
const LOGINS = ['first', 'second', 'third'] as const;
type Login = (typeof LOGINS)[number];
const PASSWORD = 'test';

describe('the slices of a worker', () => {
  const workers: Program[] = [];
  const networks: WorkerNetwork[] = [];
  let installation: Installation;
  let client: Client;

  beforeAll(async () => {
    installation = await startInstallation('takeover');
    client = installation.client;
    for (const login of LOGINS)
      await client.query(`create role ${login} login password '${PASSWORD}' in role groundwork_worker`);
    await watchSlices(client);
  }, 60_000);
  afterEach(async () => {
    for (const worker of workers.splice(0)) await ended(worker, 'SIGKILL');
    for (const network of networks.splice(0)) network.remove();
  }, 10_000);
  afterAll(() => installation?.stop(), 60_000);

  function start(login: Login, network?: WorkerNetwork): Program {
    const worker = startProgram('worker', installation.settings({ name: login, password: PASSWORD }), network?.command);
    workers.push(worker);
    return worker;
  }
  const ended = (program: Program, signal: NodeJS.Signals): Promise<number | null> => {
    program.kill(signal);
    return program.exitCode;
  };

  /** Change events at a steady pace, until `during` is over; then the rest of them at once. */
  async function underLoad(group: string, during: () => Promise<void>): Promise<void> {
    const feeds = clientFeeds(group, 24, 25);
    let [isOver, nextAtMs] = [false, 0];
    const turn = async (): Promise<void> => {
      nextAtMs = Math.max(nextAtMs + TURN_MS, performance.now());
      while (!isOver && performance.now() < nextAtMs) await sleep(TURN_MS);
    };
    const sent = deliver(feeds, { post: installation.post, turn });
    await during().finally(() => (isOver = true));
    const accepted = await sent;
    await settled(client);
    await expectNothingLostNorTwice(client, feeds, accepted);
    expect(await wrongMoves(client)).toEqual([]);
  }

  it('S1-54 of one that leaves and of one that dies are applied by the others within 2 s, in order and once', async () => {
    const first = start('first');
    await sharedBy(client, first);
    await underLoad('Leave', async () => {
      const [second, third] = [start('second'), start('third')];
      await sharedBy(client, first, second, third);
      const began = await clockOf(client);
      await eventually(async () => (await loginsMovingSince(client, began)).length === LOGINS.length);

      const leaves = { held: await heldBy(client, second), since: await clockOf(client) };
      expect(await ended(second, 'SIGTERM')).toBe(0);
      expect(await takenOverMs(client, leaves.held, leaves.since)).toBeLessThan(2_000);

      const dies = { held: await heldBy(client, third), since: await clockOf(client) };
      expect(await ended(third, 'SIGKILL')).toBe(null);
      expect(await takenOverMs(client, dies.held, dies.since)).toBeLessThan(2_000);
    });
  }, 90_000);

  it('of one that is paused in a transaction are applied by others within 15 s, and by itself under no lost epoch', async () => {
    const [first, second] = [start('first'), start('second')];
    await sharedBy(client, first, second);
    await underLoad('Pause', async () => {
      const { held, since } = await pausedInTransaction(first, 'first');
      expect(await takenOverMs(client, held, since)).toBeLessThan(15_000);
      const wokenAt = await clockOf(client);
      first.kill('SIGCONT');
      await sharedBy(client, first, second);
      expect(await movesUnder(client, held, 'first', wokenAt)).toEqual([]);
    });
  }, 90_000);

  /** The worst moment: what it has locked stays locked. */
  async function pausedInTransaction(worker: Program, login: Login) {
    return eventually(async () => {
      const held = await heldBy(client, worker);
      worker.kill('SIGSTOP');
      const open = await rowsOf(client, OPEN_TRANSACTION, [login]);
      if (open.length > 0) return { held, since: await clockOf(client) };
      worker.kill('SIGCONT');
      return undefined;
    }, 60_000);
  }
  const OPEN_TRANSACTION = `
    select from pg_stat_activity a join pg_locks l using (pid)
     where a.usename = $1 and a.state = 'idle in transaction'
       and l.relation = 'groundwork.projection_slice'::regclass and l.mode = 'RowExclusiveLock'`;

  (canMakeNetworks ? it : it.skip)(
    'of two behind networks of their own, one deaf and one mute, are applied by a third within 15 s, and no lost epoch by them',
    async () => {
      const [deaf, mute] = [network(0), network(1)];
      await client.query('select pg_reload_conf()');
      const [first, second, third] = [start('first', deaf), start('second', mute), start('third')];
      await sharedBy(client, first, second, third);
      await underLoad('Cut', async () => {
        const held = [await heldBy(client, first), await heldBy(client, second)];
        const since = await clockOf(client);
        deaf.cut('incoming');
        mute.cut('outgoing');
        expect(await takenOverMs(client, held.flat(), since)).toBeLessThan(15_000);
        const healedAt = await clockOf(client);
        for (const each of networks) each.heal();
        await sharedBy(client, first, second, third);
        expect(await movesUnder(client, held[0]!, 'first', healedAt)).toEqual([]);
        expect(await movesUnder(client, held[1]!, 'second', healedAt)).toEqual([]);
      });
    },
    120_000,
  );

  function network(number: number): WorkerNetwork {
    const made = makeNetwork(number, Number(new URL(installation.database.url).port));
    networks.push(made);
    appendFileSync(
      join(installation.database.home, 'cluster/pg_hba.conf'),
      `host all all ${made.address}/32 scram-sha-256\n`,
    );
    return made;
  }
});
