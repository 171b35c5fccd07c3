import type { LogSignal, ProjectionProgress, ProjectionStore } from '@groundwork/application';
import { FixedClock, MemoryLogger, MemoryMetrics } from '@groundwork/testing';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { LogWatch } from './log-watch.ts';
import type { WorkerLoop } from './worker-loop.ts';

const STALLED_AFTER_MS = 30_000;

let clock: FixedClock;
let logger: MemoryLogger;
let metrics: MemoryMetrics;
let head: bigint;
let slices: bigint[];
/** Level with the log unless told. */
let relaySlices: bigint[] | undefined;
let state: ProjectionProgress['state'];
let databaseIsDown: boolean;
let loop: WorkerLoop & { lastBeatAt: Date | undefined };
let commands: WorkerLoop & { lastBeatAt: Date | undefined };
let oldestAcceptedAt: Date | undefined;
let relay: WorkerLoop & { lastBeatAt: Date | undefined };
let watch: LogWatch;

beforeEach(() => {
  clock = new FixedClock();
  [logger, metrics] = [new MemoryLogger(), new MemoryMetrics()];
  [head, slices, state, databaseIsDown] = [10n, [10n, 10n], 'running', false];
  loop = { name: 'clients.client-list', lastBeatAt: undefined, run: () => Promise.resolve() };
  relay = { name: 'clients.changes@bus', isVital: false, lastBeatAt: undefined, run: () => Promise.resolve() };
  relaySlices = undefined;
  commands = { name: 'commands', lastBeatAt: undefined, run: () => Promise.resolve() };
  oldestAcceptedAt = undefined;
  const answer = <T>(value: () => T): Promise<T> =>
    databaseIsDown ? Promise.reject(new Error('connection refused')) : Promise.resolve(value());
  const ports = {
    signal: { head: () => answer(() => ({ position: head, recordedAt: undefined })) } as unknown as LogSignal,
    store: {
      progress: () =>
        answer(() => [
          progress(),
          progress(relay.name, relaySlices ?? [head]),
          { ...progress(), projection: 'clients.retired', slices: leftBehind },
        ]),
    } as unknown as ProjectionStore,
    queue: { backlog: () => answer(() => ({ open: oldestAcceptedAt === undefined ? 0 : 3, oldestAcceptedAt })) },
    clock,
    logger,
    metrics,
  };
  watch = new LogWatch([loop, commands, relay], ports, { stalledAfterMs: STALLED_AFTER_MS, pollIntervalMs: 1_000 });
});

/** A projection that no program runs any more. */
const leftBehind = [{ slice: 0, position: 1n, isAheadOfLog: false, owner: undefined, updatedAt: new Date(0) }];

const progress = (projection = loop.name, positions = slices): ProjectionProgress => ({
  projection,
  schemaVersion: 1,
  state,
  slices: positions.map((position, slice) => ({
    slice,
    position,
    isAheadOfLog: position > head,
    owner: undefined,
    updatedAt: clock.now(),
  })),
  parked: 0,
});

/** Lets time pass while the loop beats and the watch looks once a second. */
async function pass(ms: number, meanwhile: () => void = () => undefined): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    clock.move(1_000);
    loop.lastBeatAt = commands.lastBeatAt = relay.lastBeatAt = clock.now();
    meanwhile();
    await watch.look();
  }
}

const errors = (): string[] =>
  logger.lines.filter(({ level }) => level === 'error').map(({ fields }) => String(fields.loop));

describe('The watch over the loops', () => {
  it('is content while loops beat and their projections are level with the log, whatever others left behind', async () => {
    await pass(2 * STALLED_AFTER_MS);
    await expect(watch.check()).resolves.toBeUndefined();
    expect(metrics.value('groundwork_event_store_head_position')).toBe(10);
  });

  it('is content while a projection is behind but moves', async () => {
    slices = [0n, 3n];
    await pass(2 * STALLED_AFTER_MS, () => {
      head += 5n;
      slices = slices.map((position) => position + 1n);
    });
    await expect(watch.check()).resolves.toBeUndefined();
  });

  it('raises the alarm once when a projection stands still while the log grows, and takes it back when it moves', async () => {
    await pass(STALLED_AFTER_MS, () => (head += 1n));
    await pass(STALLED_AFTER_MS, () => (head += 1n));
    await expect(watch.check()).rejects.toThrow('clients.client-list: stands at 10 while the log is at');
    expect(errors()).toEqual(['clients.client-list']);
    slices = [11n, 11n];
    await pass(1_000);
    await expect(watch.check()).resolves.toBeUndefined();
  });

  it('sees one slice that stands still behind others that move', async () => {
    await pass(2 * STALLED_AFTER_MS, () => {
      head += 1n;
      slices[1] = head;
    });
    await expect(watch.check()).rejects.toThrow('stands at 10');
  });

  it('raises the alarm at once when a projection is ahead of the log, until it has been built anew', async () => {
    [head, slices] = [10n, [12n, 9n]];
    await pass(1_000);
    const reason = 'clients.client-list has applied events that this log does not hold: slice 0 at 12.';
    await expect(watch.check()).rejects.toThrow(reason);
    head = 20n;
    await pass(1_000);
    await expect(watch.check()).resolves.toBeUndefined();
  });

  it('raises the alarm when the oldest open command stays the oldest, and takes it back when it is done', async () => {
    oldestAcceptedAt = new Date('2026-01-01T00:00:01.000Z');
    await pass(STALLED_AFTER_MS);
    await expect(watch.check()).resolves.toBeUndefined();
    await pass(1_000);
    const waits = 'commands: the oldest of 3 open commands waits since 2026-01-01T00:00:01.000Z';
    await expect(watch.check()).rejects.toThrow(waits);
    oldestAcceptedAt = new Date('2026-01-01T00:00:02.000Z');
    await pass(1_000);
    await expect(watch.check()).resolves.toBeUndefined();
    expect(errors()).toEqual(['commands']);
  });

  it('is content with commands that wait long in a queue that moves', async () => {
    await pass(2 * STALLED_AFTER_MS, () => (oldestAcceptedAt = new Date(clock.now().getTime() - 600_000)));
    await expect(watch.check()).resolves.toBeUndefined();
  });

  it('leaves a projection alone that an operator has paused', async () => {
    state = 'paused';
    await pass(2 * STALLED_AFTER_MS, () => (head += 1n));
    await expect(watch.check()).resolves.toBeUndefined();
  });

  it('raises the alarm for a relay whose destination is away, which does not make the worker unready', async () => {
    relaySlices = [head];
    await pass(2 * STALLED_AFTER_MS, () => slices.fill((head += 1n)));
    await expect(watch.check()).resolves.toBeUndefined();
    await expect(watch.relays.check()).rejects.toThrow('clients.changes@bus: stands at 10 while the log is at 70');
    expect([watch.relays.isVital, errors()]).toEqual([false, ['clients.changes@bus']]);
    relaySlices = [head];
    await pass(1_000);
    await expect(watch.relays.check()).resolves.toBeUndefined();

    // A request that nobody answers holds up the loop itself.
    clock.move(STALLED_AFTER_MS);
    loop.lastBeatAt = commands.lastBeatAt = clock.now();
    await watch.look();
    await expect(watch.check()).resolves.toBeUndefined();
    await expect(watch.relays.check()).rejects.toThrow('clients.changes@bus: no sign of life');
  });

  it('raises the alarm when a loop gives no sign of life', async () => {
    await pass(1_000);
    clock.move(STALLED_AFTER_MS);
    commands.lastBeatAt = relay.lastBeatAt = clock.now();
    await watch.look();
    await expect(watch.check()).rejects.toThrow(`clients.client-list: no sign of life for ${STALLED_AFTER_MS} ms`);
    expect(errors()).toEqual(['clients.client-list']);
  });

  it('raises the alarm when a loop has never given a sign of life', async () => {
    clock.move(STALLED_AFTER_MS);
    await watch.look();
    await expect(watch.check()).rejects.toThrow('clients.client-list: no sign of life');
  });

  it('is itself missed when it no longer looks', async () => {
    await pass(1_000);
    clock.move(STALLED_AFTER_MS);
    loop.lastBeatAt = clock.now();
    await expect(watch.check()).rejects.toThrow('the watchdog itself is silent');
  });

  it('leaves a database that cannot be asked to the check of the database', async () => {
    databaseIsDown = true;
    await pass(2 * STALLED_AFTER_MS);
    await expect(watch.check()).resolves.toBeUndefined();
    expect(errors()).toEqual([]);
  });

  it('keeps an alarm that it raised before the database went away', async () => {
    await pass(2 * STALLED_AFTER_MS, () => (head += 1n));
    databaseIsDown = true;
    await pass(1_000);
    await expect(watch.check()).rejects.toThrow('clients.client-list');
  });
});
