// When pumps run: in development, and in production for who has said so.
import { readSettings } from '@groundwork/configuration';
import { MemoryLogger, MemoryMetrics, SystemClock } from '@groundwork/testing';
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

describe('pumps', () => {
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
