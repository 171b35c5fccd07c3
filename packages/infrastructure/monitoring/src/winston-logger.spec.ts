import { PassThrough } from 'node:stream';
import { Conflict } from '@groundwork/application';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { WinstonLogger, type WinstonLoggerOptions } from './winston-logger.ts';

class StaleView extends Conflict {}

function loggerInto(options: Partial<WinstonLoggerOptions> = {}): { logger: WinstonLogger; text: () => string } {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  const now = (): Date => new Date('2026-03-04T10:15:30.123Z');
  return {
    logger: new WinstonLogger({ service: 'worker', level: 'debug', stream, now, ...options }),
    text: () => text,
  };
}

describe('JSON lines', () => {
  it('carry timestamp, level, message, service and the fields of every child above', () => {
    const { logger, text } = loggerInto();
    logger
      .child({ context: 'clients', tenant: 'demo' })
      .child({ correlationId: 'c-1', causationId: 'e-1' })
      .info('recorded', { events: 3, position: 9_007_199_254_740_993n });
    expect(JSON.parse(text())).toEqual({
      timestamp: '2026-03-04T10:15:30.123Z',
      level: 'info',
      message: 'recorded',
      service: 'worker',
      context: 'clients',
      tenant: 'demo',
      correlationId: 'c-1',
      causationId: 'e-1',
      events: 3,
      position: '9007199254740993',
    });
  });

  it('hold an error with type, code, next step, details, stack and cause', () => {
    const { logger, text } = loggerInto();
    const cause = new Error('socket closed');
    logger.error('failed', {
      error: new StaleView('view.stale', 'The view is old.', 'Read again.', { age: 3 }, { cause }),
    });
    expect(JSON.parse(text())).toMatchObject({
      error: {
        type: 'StaleView',
        code: 'view.stale',
        message: 'The view is old.',
        next: 'Read again.',
        details: { age: 3 },
        stack: expect.stringContaining('winston-logger.spec'),
        cause: { message: 'socket closed' },
      },
    });
  });

  it('keep what cannot be written as JSON from stopping the line', () => {
    const { logger, text } = loggerInto();
    const circle: Record<string, unknown> = { name: 'round' };
    circle.self = circle;
    logger.info('odd', {
      circle,
      when: new Date(Number.NaN),
      list: new Set([1]),
      map: new Map([['a', 1]]),
      what: Symbol('s'),
    });
    expect(JSON.parse(text())).toMatchObject({
      circle: { name: 'round', self: '[circular]' },
      when: 'Invalid Date',
      list: [1],
      map: { a: 1 },
      what: 'Symbol(s)',
    });
  });

  it('are one line each, whatever the message and the fields hold', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        (message, key, value) => {
          const { logger, text } = loggerInto();
          logger.info(`${message}\n{"level":"error"}\r\u2028`, { [key]: value });
          expect(text().split(/[\n\r\u2028\u2029\u0085]/)).toEqual([expect.any(String), '']);
          expect(JSON.parse(text())).toMatchObject({ level: 'info', service: 'worker' });
        },
      ),
    );
  });

  it('are not renamed, moved in time or raised in level by a field', () => {
    const { logger, text } = loggerInto();
    logger.info('true', { level: 'error', message: 'false', service: 'other', timestamp: 'never' });
    expect(JSON.parse(text())).toMatchObject({ level: 'info', message: 'true', service: 'worker' });
  });
});

describe('Secrets', () => {
  const hidden = 'Tr0ub4dor-marker';

  it('S0-41 never appear in a log line, neither by name nor inside a text', () => {
    const { logger, text } = loggerInto();
    logger.error(`cannot reach postgres://gw:${hidden}@db/app`, {
      password: hidden,
      clientSecret: hidden,
      headers: { Authorization: `Bearer ${hidden}`, 'set-cookie': hidden, accessToken: hidden },
      list: [`Authorization: Bearer ${hidden}`, `https://x.test/?token=${hidden}&a=1`],
      error: new Error(`redis://:${hidden}@cache refused`),
    });
    expect(text()).not.toContain(hidden);
    expect(text()).toContain('postgres://gw:***@db/app');
  });

  it('S0-41 never appear when a URL with any password is logged', () => {
    const password = fc.stringMatching(/^[A-Za-z0-9!$%^*()_+=,;:-]{6,40}$/).map((text) => `${hidden}${text}`);
    fc.assert(
      fc.property(password, fc.constantFrom('json', 'pretty'), (secret, format) => {
        const { logger, text } = loggerInto({ format: format as 'json' | 'pretty' });
        logger.info(`connect postgres://gw:${secret}@db.test:5432/app`, { url: `amqp://user:${secret}@mq.test` });
        expect(text()).not.toContain(hidden);
      }),
    );
  });
});

describe('Pretty lines', () => {
  it('are short: time, level, place, message, facts', () => {
    const { logger, text } = loggerInto({ format: 'pretty' });
    logger.child({ context: 'clients' }).warn('lagging', { lagEvents: 12, state: 'running' });
    expect(text()).toBe('10:15:30.123 WARN  worker/clients lagging lagEvents=12 state=running\n');
  });

  it('indent an error with its code, its next step and its stack', () => {
    const { logger, text } = loggerInto({ format: 'pretty' });
    logger.error('failed', { error: new StaleView('view.stale', 'The view is old.', 'Read again.') });
    expect(text()).toMatch(/ERROR worker failed\n {4}view\.stale: The view is old\.\n {4}Read again\.\n {4}at /);
  });

  it('let no text forge a line or reach the terminal', () => {
    const { logger, text } = loggerInto({ format: 'pretty' });
    logger.info('a\n10:15:30.123 ERROR worker forged', { name: '\u001b[2Jx\u202e' });
    expect(text()).toBe('10:15:30.123 INFO  worker a\\u000a10:15:30.123 ERROR worker forged name=\\u001b[2Jx\\u202e\n');
  });

  it('are coloured on a terminal', () => {
    const terminal = Object.assign(new PassThrough(), { isTTY: true });
    const { logger } = loggerInto({ stream: terminal });
    logger.error('red');
    expect(String(terminal.read())).toContain('\u001b[31mERROR\u001b[39m');
  });
});

describe('The level', () => {
  it('holds back lesser lines and changes for all relatives while the process runs', () => {
    const { logger, text } = loggerInto({ level: 'warn' });
    const child = logger.child({ context: 'clients' });
    child.info('unseen');
    logger.level = 'info';
    child.info('seen');
    expect(text()).not.toContain('unseen');
    expect(text()).toContain('"seen"');
  });
});
