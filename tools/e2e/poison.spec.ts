// What a handler that fails does to a running installation, and what its operators see and do.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '@groundwork/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { clientFeeds, type ClientFeed } from './change-feed.ts';
import { startInstallation, type Installation } from './installation.ts';
import { expectNothingLostNorTwice, settled } from './observed-log.ts';
import { deliver, type Accepted } from './producer.ts';
import { startProgram, untilReady, type Program } from './program.ts';
import { holds } from './started-product.ts';

const GW = join(import.meta.dirname, '../../apps/cli/bin/gw.js');
const POISONED_WORKER = join(import.meta.dirname, 'poisoned-worker.ts');
const LIST = 'clients.client-list';
const ATTEMPTS_MAX = 5;
const POISONED_VERSION = 3;
const CHANGES = 6;

describe('a client whose event cannot be applied', () => {
  let installation: Installation;
  let worker: Program | undefined;
  beforeAll(async () => {
    installation = await startInstallation('poison');
  }, 60_000);
  afterEach(() => ended('SIGKILL'));
  afterAll(() => installation?.stop(), 60_000);

  async function ended(signal: NodeJS.Signals): Promise<void> {
    worker?.kill(signal);
    await worker?.exitCode;
    worker = undefined;
  }
  async function start(poison: Readonly<Record<string, string>> = {}): Promise<Program> {
    worker = startProgram('POISON' in poison ? POISONED_WORKER : 'worker', { ...installation.settings(), ...poison });
    await untilReady(worker);
    return worker;
  }
  const ask = async (path: string): Promise<Record<string, unknown>> =>
    (await (await installation.send(path)).json()) as Record<string, unknown>;
  async function gw(...args: readonly string[]): Promise<unknown> {
    const access = ['--url', installation.url, '--token', installation.token, '--json'];
    const { stdout } = await promisify(execFile)(process.execPath, [GW, ...args, ...access], {
      env: { PATH: process.env['PATH'] },
    });
    return JSON.parse(stdout);
  }
  const versionOf = async ({ clientId }: ClientFeed): Promise<unknown> =>
    (await ask(`/v1/clients/${clientId}`))['streamVersion'];

  /** Three clients, of whom the first is poisoned, in the hands of a worker that cannot stomach it. */
  async function poisoned(group: string, how: 'throw' | 'hang') {
    const feeds = clientFeeds(group, 3, CHANGES);
    const [bad, ...good] = feeds as [ClientFeed, ...ClientFeed[]];
    const sick = await start({
      POISON: how,
      POISONED_STREAM: bad.clientId,
      POISONED_VERSION: String(POISONED_VERSION),
    });
    const accepted = await deliver(feeds, installation);
    await holds(async () => {
      expect((await ask('/v1/dead-letters'))['items']).toHaveLength(1);
      for (const each of good) expect(await versionOf(each)).toBe(CHANGES);
    }, 30_000);
    expect(await versionOf(bad)).toBe(POISONED_VERSION - 1);
    const [deadLetter] = (await ask('/v1/dead-letters'))['items'] as Record<string, unknown>[];
    expect(deadLetter).toMatchObject({
      projection: LIST,
      stream: `client/${bad.clientId}`,
      attempts: ATTEMPTS_MAX,
      decision: null,
    });
    const beganMs = sick.lines.flatMap((line) => /^An attempt began: (.*)/.exec(line)?.slice(1).map(Number) ?? []);
    expect(beganMs).toHaveLength(ATTEMPTS_MAX);
    return { feeds, bad, accepted, sick, deadLetter: deadLetter!, beganMs };
  }

  /** The handler is mended, and an operator lets the client go on. */
  async function mended(feeds: readonly ClientFeed[], accepted: readonly Accepted[], id: unknown): Promise<void> {
    await ended('SIGTERM');
    const well = await start();
    expect(await gw('dead-letters', 'retry', String(id))).toMatchObject({ id, decision: 'retry' });
    await holds(async () => {
      expect((await ask('/v1/dead-letters'))['items']).toEqual([]);
      expect(await versionOf(feeds[0]!)).toBe(CHANGES);
      expect(await well.metric('groundwork_dead_letters', LIST)).toBe(0);
    }, 30_000);
    await settled(installation.client);
    await expectNothingLostNorTwice(installation.client, feeds, accepted);
  }

  it('S1-21 is tried 5 times with growing pauses and parked; metric, api and gw show it, and after the fix it catches up', async () => {
    const { feeds, accepted, sick, deadLetter, beganMs } = await poisoned('Throw', 'throw');
    const pausesMs = beganMs.slice(1).map((at, n) => at - beganMs[n]!);
    for (const [n, pauseMs] of pausesMs.entries()) expect(pauseMs).toBeGreaterThanOrEqual(50 * 2 ** n - 1);
    expect(deadLetter['error']).toMatchObject({ code: 'projection.event-failed', next: expect.any(String) });
    await eventually(async () => (await sick.metric('groundwork_dead_letters', LIST)) === 1);
    expect(await sick.metric('groundwork_projection_retries_total', LIST)).toBe(ATTEMPTS_MAX);
    expect(await ask(`/v1/projections/${LIST}`)).toMatchObject({ parked: 1 });
    expect(await gw('dead-letters', 'list')).toEqual([deadLetter]);
    await mended(feeds, accepted, deadLetter['id']);
  }, 90_000);

  it('because its handler stalls every worker is parked when as many are lost as may be, and the others go on', async () => {
    const feeds = clientFeeds('Stall', 3, CHANGES);
    const [bad, ...good] = feeds as [ClientFeed, ...ClientFeed[]];
    const accepted = await deliver(feeds, installation);
    const limits = { GW_STUCK_AFTER_MS: '1000', GW_WORKER_OWNERS_LOST_MAX: '3' };
    const poison = { POISON: 'stall', POISONED_STREAM: bad.clientId, POISONED_VERSION: String(POISONED_VERSION) };
    for (let lost = 0; lost < 3; lost++) {
      worker = startProgram(POISONED_WORKER, { ...installation.settings(), ...limits, ...poison });
      expect(await worker.exitCode).toBe(null);
      expect(worker.lines.at(-1)).toContain('its event loop has stood still');
    }
    await start({ ...limits, ...poison });
    await holds(async () => {
      expect((await ask('/v1/dead-letters'))['items']).toMatchObject([
        { attempts: 3, error: { code: 'projection.handler-ended-process' } },
      ]);
      for (const each of good) expect(await versionOf(each)).toBe(CHANGES);
    }, 30_000);
    const [deadLetter] = (await ask('/v1/dead-letters'))['items'] as Record<string, unknown>[];
    await mended(feeds, accepted, deadLetter!['id']);
  }, 90_000);

  it('because its handler runs for ever is parked just so, by the very process that hung', async () => {
    const { feeds, accepted, sick, deadLetter } = await poisoned('Hang', 'hang');
    expect(deadLetter['error']).toMatchObject({ code: 'projection.handler-hung' });
    expect(await sick.isReady()).toBe(true);
    await mended(feeds, accepted, deadLetter['id']);
  }, 90_000);
});
