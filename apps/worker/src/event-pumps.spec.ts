// When pumps run: in development, and in production for who has said so.
import {
  EventTypes,
  pause,
  type ChangeNotifications,
  type EventLog,
  type EventSubscriber,
  type LoggedEvent,
} from '@groundwork/application';
import { readSettings } from '@groundwork/configuration';
import { eventually, MemoryLogger, MemoryMetrics, newLoggedEvent, SystemClock } from '@groundwork/testing';
import { describe, expect, it } from '@jest/globals';
import { eventPumps } from './event-pumps.ts';
import type { WorkerLoop } from './worker-loop.ts';

const PRODUCTION = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://groundwork:secret@db.example.com/groundwork',
  GW_JWKS_URL: 'https://issuer.example.com/keys',
  GW_JWT_ISSUER: 'https://issuer.example.com',
  GW_JWT_AUDIENCE: 'groundwork',
};

function pumpsIn(env: Record<string, string>): {
  readonly pumps: readonly WorkerLoop[];
  readonly logger: MemoryLogger;
} {
  const { worker, security } = readSettings(env);
  const logger = new MemoryLogger();
  const away = (): never => {
    throw new Error('Nothing is read before a pump runs.');
  };
  const log = { read: away, readStreamRange: away, head: away, eventsAt: away };
  const subscribers = [{ name: 'kilns.bell', eventTypes: ['KilnLit'], handle: away }];
  const ports = { log, notifications: { wait: away }, clock: new SystemClock(), logger, metrics: new MemoryMetrics() };
  const when = { isAllowed: worker.pumps, isProduction: security.environment === 'production' };
  return { pumps: eventPumps({ ...ports, subscribers }, when), logger };
}

/** A log of these events, and nothing behind them. */
const logOf = (events: readonly LoggedEvent[]): EventLog => ({
  head: async () => ({ position: 0n, recordedAt: undefined }),
  read: async ({ after }) => ({ events: after === 0n ? events : [], readTo: BigInt(events.length), isLast: true }),
  readStreamRange: async () => [],
});

/** The lighting of a kiln once told what was put in, too. */
const typesOfToday = new EventTypes([
  {
    type: 'KilnLit',
    schemaVersion: 2,
    upcasters: {
      1: {
        into: { KilnLit: 2, PotPutIn: 1 },
        split: (data) => [
          { type: 'KilnLit', data: {} },
          ...(data as readonly string[]).map((pot) => ({ type: 'PotPutIn', data: pot })),
        ],
      },
    },
  },
  { type: 'PotPutIn', schemaVersion: 1 },
]);

describe('pumps', () => {
  it('hand over the parts of events that are of the types of their subscriber, and nothing else', async () => {
    const [heard, stop] = [[] as unknown[], new AbortController()];
    const kilnLit = (position: bigint, dataText: string, schemaVersion = 1) =>
      newLoggedEvent({ type: 'KilnLit', position, dataText, schemaVersion }, typesOfToday);
    const log = logOf([kilnLit(1n, '["bowl","jug"]'), kilnLit(2n, '[]'), kilnLit(3n, '{}', 2), kilnLit(4n, '["cup"]')]);
    const potter: EventSubscriber = {
      name: 'kilns.potter',
      eventTypes: ['PotPutIn'],
      handle: async (events) => void heard.push(events.map(({ position, part, data }) => [position, part, data])),
    };
    const ports = { log, clock: new SystemClock(), logger: new MemoryLogger(), metrics: new MemoryMetrics() };
    const notifications: ChangeNotifications = { wait: (_channel, waitMs, until) => pause(waitMs, until) };
    const [pump] = eventPumps(
      { ...ports, notifications, subscribers: [potter] },
      { isAllowed: true, isProduction: false },
    );
    const running = pump!.run(stop.signal);
    await eventually(() => heard.length > 0);
    stop.abort();
    await running;
    expect(heard).toEqual([
      [
        [1n, 1, 'bowl'],
        [1n, 2, 'jug'],
        [4n, 1, 'cup'],
      ],
    ]);
  });

  it('S1-28 are not started in production, and the log says why and what to do instead', () => {
    const { pumps, logger } = pumpsIn(PRODUCTION);
    expect(pumps).toEqual([]);
    expect(logger.lines).toMatchObject([
      {
        level: 'warn',
        message: 'Pumps are not started.',
        fields: { subscribers: ['kilns.bell'], reason: expect.stringContaining('meant for development') },
      },
    ]);
    expect(String(logger.lines[0]!.fields['next'])).toMatch(/projection.*GW_PUMPS=on/);
  });

  it.each([
    ['in production with GW_PUMPS=on', { ...PRODUCTION, GW_PUMPS: 'on' }, ['pump kilns.bell']],
    ['in development', { NODE_ENV: 'development' }, ['pump kilns.bell']],
    ['in development with GW_PUMPS=off', { NODE_ENV: 'development', GW_PUMPS: 'off' }, []],
  ])('S1-28 %s: what runs, with a warning', (_when, env, names) => {
    const { pumps, logger } = pumpsIn(env);
    expect(pumps.map(({ name }) => name)).toEqual(names);
    expect(logger.lines).toHaveLength(1);
    expect(logger.lines[0]!.level).toBe('warn');
  });
});
