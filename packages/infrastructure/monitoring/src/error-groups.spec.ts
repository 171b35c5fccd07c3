import { PassThrough } from 'node:stream';
import { Unavailable } from '@groundwork/application';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { ErrorGroups } from './error-groups.ts';
import { PrometheusMetrics } from './prometheus-metrics.ts';
import { WinstonLogger } from './winston-logger.ts';

let metrics: PrometheusMetrics;
let groups: ErrorGroups;
let logger: WinstonLogger;

beforeEach(() => {
  metrics = new PrometheusMetrics();
  groups = new ErrorGroups(metrics);
  logger = new WinstonLogger({
    service: 'worker',
    level: 'error',
    stream: new PassThrough(),
    listener: (entry) => groups.record(entry),
  });
});

const unreachable = (): Error =>
  new Unavailable('database.unavailable', 'No answer from redis://:hunter22@db.', 'Wait.');

describe('Error groups', () => {
  it('S0-50 make one group with the count 100 of the same error, with code, stack, correlation, tenant and operation', async () => {
    for (let nth = 1; nth <= 100; nth++) {
      const lines = logger.child({ context: 'commands', tenant: 'demo', correlationId: `c-${nth}` });
      lines.error('A command failed.', { error: unreachable() });
    }
    expect(groups.all).toEqual([
      {
        component: 'commands',
        operation: 'A command failed.',
        code: 'database.unavailable',
        count: 100,
        firstAt: expect.any(String),
        lastAt: expect.any(String),
        last: {
          context: 'commands',
          tenant: 'demo',
          correlationId: 'c-100',
          error: expect.objectContaining({
            code: 'database.unavailable',
            stack: expect.stringContaining('unreachable'),
          }),
        },
      },
    ]);
    const { text } = await metrics.scrape();
    expect(text).toContain('groundwork_logged_errors_total{component="commands",code="database.unavailable"} 100\n');
  });

  it('keep apart what differs in component, operation, code or place', () => {
    logger.error('A command failed.', { error: unreachable() });
    logger.error('A command failed.', { error: new Unavailable('database.unavailable', 'No answer.', 'Wait.') });
    logger.error('A command failed.', { error: new TypeError('undefined is not a function') });
    logger.error('A slice failed.', { error: unreachable() });
    logger.child({ context: 'projections' }).error('A slice failed.', { error: unreachable() });
    expect(groups.all.map(({ count }) => count)).toEqual([1, 1, 1, 1, 1]);
  });

  it('count warnings about an error even where the level hides them, and nothing else', () => {
    logger.warn('Tried again.', { code: 'database.unavailable' });
    logger.warn('Slow.', { tookMs: 700 });
    logger.info('Done.', { code: 'fine' });
    expect(groups.all).toMatchObject([{ operation: 'Tried again.', count: 1 }]);
  });

  it('hold no secret, and at most 200 groups', () => {
    logger.error('Refused.', { error: unreachable(), password: 'hunter22' });
    expect(JSON.stringify(groups.all)).not.toContain('hunter22');
    for (let nth = 0; nth < 300; nth++) logger.error(`Message that should have been constant ${nth}`);
    expect(groups.all).toHaveLength(200);
  });
});
