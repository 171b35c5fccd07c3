// What errors of other programs mean, each as its driver throws it.
import { Refusal } from '@groundwork/domain';
import { describe, expect, it } from '@jest/globals';
import { BulkheadFull, CircuitOpen, Conflict, InvalidInput, Misconfigured, TimedOut, Unavailable } from '../errors.ts';
import {
  FAULTS_BY_AMQP_CODE,
  FAULTS_BY_CODE,
  FAULTS_BY_MESSAGE,
  FAULTS_BY_NAME,
  FAULTS_BY_SQLSTATE,
  FAULTS_BY_STATUS,
  type Fault,
} from './fault-table.ts';
import { faultOf, isOutage, isRetryable, isTransient } from './faults.ts';

const withCode = (code: string | number, message = 'no') => Object.assign(new Error(message), { code });
const fromAws = (name: string, httpStatusCode = 400) =>
  Object.assign(new Error('no'), { name, $metadata: { httpStatusCode } });
const named = (name: string, message = 'no') => Object.assign(new Error(message), { name });
const words = ['area.reason', 'It happened.', 'Do something.'] as const;

const cases: readonly (readonly [what: string, error: unknown, fault: Fault | undefined])[] = [
  ['a connection that is refused', withCode('ECONNREFUSED'), 'unreachable'],
  ['a name without an address', withCode('ENOTFOUND'), 'unreachable'],
  ['a reset connection', withCode('ECONNRESET'), 'disconnected'],
  ['a broken pipe, which looks like an SQLSTATE', withCode('EPIPE'), 'disconnected'],
  ['a certificate that has run out', withCode('CERT_HAS_EXPIRED'), 'misconfigured'],
  ['connection_exception', withCode('08000'), 'unreachable'],
  ['connection_failure', withCode('08006'), 'disconnected'],
  ['admin_shutdown', withCode('57P01'), 'disconnected'],
  ['cannot_connect_now', withCode('57P03'), 'unreachable'],
  ['idle_session_timeout', withCode('57P05'), 'busy'],
  ['query_canceled', withCode('57014'), 'timed-out'],
  ['too_many_connections', withCode('53300'), 'busy'],
  ['read_only_sql_transaction', withCode('25006'), 'busy'],
  ['serialization_failure', withCode('40001'), 'contended'],
  ['deadlock_detected', withCode('40P01'), 'contended'],
  ['lock_not_available', withCode('55P03'), 'contended'],
  ['unique_violation', withCode('23505'), 'refused'],
  ['invalid_password', withCode('28P01'), 'misconfigured'],
  ['invalid_catalog_name', withCode('3D000'), 'misconfigured'],
  ['undefined_table', withCode('42P01'), 'misconfigured'],
  ['syntax_error', withCode('42601'), undefined],
  ['internal_error', withCode('XX000'), undefined],
  ['throttling', fromAws('ThrottlingException'), 'throttled'],
  ['an internal fault of EventBridge', fromAws('InternalException', 500), 'busy'],
  ['credentials that may not', fromAws('AccessDeniedException', 403), 'misconfigured'],
  ['a clock that AWS does not believe', fromAws('InvalidSignatureException', 403), 'misconfigured'],
  ['a name that nobody knows, with 503', fromAws('Whatever', 503), 'busy'],
  ['a name that nobody knows, with 400', fromAws('Whatever', 400), 'refused'],
  ['HTTP 429', { status: 429 }, 'throttled'],
  ['HTTP 504', { statusCode: 504 }, 'timed-out'],
  ['HTTP 401', { status: 401 }, 'misconfigured'],
  ['HTTP 422', { status: 422 }, 'refused'],
  ['HTTP 418', { status: 418 }, undefined],
  ['a reset within fetch', new TypeError('fetch failed', { cause: withCode('ECONNRESET') }), 'disconnected'],
  ['both addresses refused', new AggregateError([withCode('ECONNREFUSED')], ''), 'unreachable'],
  ['a time limit', new DOMException('The operation timed out.', 'TimeoutError'), 'timed-out'],
  ['what nobody wants any more', new DOMException('Aborted.', 'AbortError'), 'cancelled'],
  ['a pool of pg without a free connection', new Error('timeout exceeded when trying to connect'), 'busy'],
  ['a server of pg that says nothing', new Error('Connection terminated due to connection timeout'), 'unreachable'],
  ['a connection of pg that ended', new Error('Connection terminated unexpectedly'), 'disconnected'],
  ['a silent server of pg', new Error('Query read timeout'), 'timed-out'],
  ['a Redis that loads', named('ReplyError', 'LOADING Redis is loading the dataset in memory'), 'busy'],
  ['a replica of Redis', named('ReplyError', "READONLY You can't write against a read only replica."), 'busy'],
  ['a password of Redis', named('ReplyError', 'WRONGPASS invalid username-password pair'), 'misconfigured'],
  ['a list where Redis has a text', named('ReplyError', 'WRONGTYPE Operation against a key'), 'refused'],
  ['a group of Redis that exists', named('ReplyError', 'BUSYGROUP Consumer Group name already exists'), undefined],
  ['a closed connection of Redis', new Error('Connection is closed.'), 'disconnected'],
  ['its commands', named('AbortError', 'Command aborted due to connection close'), 'disconnected'],
  ['a Redis out of reach', new Error('connect ETIMEDOUT'), 'unreachable'],
  [
    'an error in another',
    new Error('AWS SDK error wrapper for TimeoutError: connect ECONNRESET 127.0.0.1:4'),
    'disconnected',
  ],
  ['a slow Redis', new Error('Command timed out'), 'timed-out'],
  ['a forced end of AMQP', withCode(320, 'Connection closed: 320 (CONNECTION-FORCED)'), 'disconnected'],
  [
    'a queue of other properties',
    withCode(406, 'Channel closed by server: 406 (PRECONDITION-FAILED)'),
    'misconfigured',
  ],
  ['a closed channel of AMQP', named('IllegalOperationError', 'Channel closed'), 'disconnected'],
  ['NATS without a stream', named('NoRespondersError'), 'busy'],
  ['rights at NATS', named('PermissionViolationError'), 'misconfigured'],
  ['Kafka out of reach', withCode('PLT_KFK_NETWORK'), 'unreachable'],
  ['our Unavailable', new Unavailable(...words), 'busy'],
  ['our time-out', new TimedOut('redis', 10), 'timed-out'],
  ['our conflict', new Conflict(...words), 'refused'],
  ['our refusal', new Refusal(...words), 'refused'],
  ['our configuration', new Misconfigured(...words), 'misconfigured'],
  ['a mistake in the program', new TypeError('undefined is not a function'), undefined],
  ['a text', 'no', undefined],
  ['nothing', undefined, undefined],
];

describe('the table of errors', () => {
  it.each(cases)('S3-34 knows %s', (_what, error, fault) => {
    expect(faultOf(error)).toBe(fault);
  });

  it('S3-34 calls each fault transient or permanent, and each entry is one of them', () => {
    const faults = [
      ...[FAULTS_BY_CODE, FAULTS_BY_SQLSTATE, FAULTS_BY_STATUS, FAULTS_BY_AMQP_CODE, FAULTS_BY_NAME].flatMap(
        (table) => Object.values(table) as Fault[],
      ),
      ...FAULTS_BY_MESSAGE.map(([, fault]) => fault),
    ];
    const verdicts = new Map(
      cases.flatMap(([, error, fault]) => (fault === undefined ? [] : [[fault, isTransient(error)]])),
    );
    expect(Object.fromEntries(verdicts)).toEqual({
      unreachable: true,
      disconnected: true,
      'timed-out': true,
      busy: true,
      throttled: true,
      contended: true,
      refused: false,
      misconfigured: false,
      cancelled: false,
    });
    expect(new Set(faults)).toEqual(new Set(verdicts.keys()));
  });

  it('S3-34 repeats an unknown error for reads and not for commands', () => {
    const unknown = new TypeError('undefined is not a function');
    expect([isRetryable(unknown, 'read'), isRetryable(unknown, 'command')]).toEqual([true, false]);
    for (const kind of ['read', 'command'] as const) {
      expect([isRetryable(withCode('ECONNRESET'), kind), isRetryable(withCode('23505'), kind)]).toEqual([true, false]);
    }
  });

  it('S3-32 sees an outage in what speaks against the other side, and not in a bad request or a lost race', () => {
    const outages = [withCode('ECONNREFUSED'), withCode('53300'), { status: 503 }, new TimedOut('redis', 10)];
    const others = [
      { status: 429 },
      withCode('40001'),
      withCode('23505'),
      { status: 404 },
      new TypeError('no'),
      named('AbortError'),
    ];
    expect([outages.map(isOutage), others.map(isOutage)]).toEqual([outages.map(() => true), others.map(() => false)]);
    expect(isOutage(new InvalidInput(...words))).toBe(false);
    expect([new CircuitOpen('redis', 1), new BulkheadFull('redis', 1)].map(isTransient)).toEqual([true, true]);
  });

  it('ends with an error that is its own cause', () => {
    const error = new Error('round and round');
    error.cause = error;
    expect(faultOf(error)).toBeUndefined();
  });
});
