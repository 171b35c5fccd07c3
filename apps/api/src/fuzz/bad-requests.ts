// Requests that nobody should send: wrong in form, in size, in meaning, or almost right.
import { gzipSync } from 'node:zlib';
import { oddJson } from './odd-json.ts';
import { CONTENT_TYPES, HEADERS, METHODS, oddQuery, oddTime, PATH_ENDS, REQUEST_LINES } from './odd-parts.ts';
import { Random } from './random.ts';

export interface FuzzTarget {
  /** `Bearer …` of somebody who may do everything. */
  readonly authorization: string;
  /** Paths that can be read, without those that keep the connection open. */
  readonly readPaths: readonly string[];
  /** The path to which the body number `n` is posted. */
  writePath(n: number): string;
  /** What an object holds that is accepted there: `"text":"x"`. */
  members(n: number): string;
}

export interface BadRequest {
  readonly name: string;
  readonly bytes: Buffer;
  /** The body, when the request is well-formed enough to be accepted. */
  readonly body?: Buffer;
  /** The sender hangs up behind the last byte, because the server would wait for more. */
  readonly cutOff?: boolean;
  /** So large that the server may close the connection before everything is sent. */
  readonly oversized?: boolean;
}

interface Parts {
  readonly method?: string;
  readonly path?: string;
  readonly version?: string;
  readonly headers?: readonly string[];
  readonly body?: Buffer;
  /** Leave out what is added otherwise: `host`, `authorization`, `content-length`. */
  readonly without?: readonly string[];
}

type Family = (random: Random, target: FuzzTarget, n: number) => BadRequest;

/** `count` requests, the same for the same seed. */
export function* badRequests(
  target: FuzzTarget,
  { seed, count }: { readonly seed: number; readonly count: number },
): Iterable<BadRequest> {
  const random = new Random(seed);
  for (let n = 0; n < count; n++) {
    const [name, family] = random.pick(FAMILIES);
    const request = family(random, target, n);
    yield { ...request, name: `#${n} ${name}: ${request.name}` };
  }
}

const FAMILIES: readonly (readonly [string, Family])[] = [
  [
    'method',
    (random, target) => request(target, { method: random.pick(METHODS), path: random.pick(target.readPaths) }),
  ],
  ['request line', (random, target) => verbatim(random.pick(REQUEST_LINES), target)],
  ['path', (random, target) => request(target, { path: random.pick(target.readPaths) + random.pick(PATH_ENDS) })],
  ['query', (random, target) => request(target, { path: `${random.pick(target.readPaths)}?${oddQuery(random)}` })],
  ['time', (random, target) => request(target, { path: `${random.pick(target.readPaths)}?${oddTime(random)}` })],
  ['header', oddHeader],
  [
    'token',
    (random, target) =>
      request(target, {
        path: random.pick(target.readPaths),
        headers: [`Authorization: ${oddToken(random, target)}`],
        without: ['authorization'],
      }),
  ],
  [
    'content type',
    (random, target, n) => post(target, n, plain(target, n), [`Content-Type:${random.pick(CONTENT_TYPES)}`]),
  ],
  ['framing', oddFraming],
  ['body', (random, target, n) => post(target, n, oddJson(random, target.members(n)))],
  ['body', (random, target, n) => post(target, n, oddJson(random, target.members(n)))],
  ['body', (random, target, n) => post(target, n, oddJson(random, target.members(n)))],
  [
    'noise',
    (random) => ({
      name: 'bytes',
      bytes: Buffer.concat([random.bytes(1 + random.below(200)), Buffer.from('\r\n\r\n')]),
      cutOff: true,
    }),
  ],
];

function oddHeader(random: Random, target: FuzzTarget, n: number): BadRequest {
  const path = random.pick(target.readPaths);
  switch (random.below(6)) {
    case 0:
      return { ...request(target, { path, headers: [`X-Padding: ${'x'.repeat(65_536)}`] }), oversized: true };
    case 1:
      return request(target, { path, headers: Array.from({ length: 1_500 }, (_, at) => `X-${at}: 1`) });
    case 2:
      return request(target, { path, without: [random.pick(['host', 'authorization'])] });
    case 3:
      return post(target, n, plain(target, n), ['Content-Type: application/json', random.pick(HEADERS)]);
    default: {
      const header = random.pick(HEADERS);
      // A promised body that does not come would only be waited for.
      return {
        ...request(target, { path, headers: [header] }),
        cutOff: /^(Content-Length|Transfer-Encoding)/.test(header),
      };
    }
  }
}

function oddToken(random: Random, { authorization }: FuzzTarget): string {
  const token = authorization.replace(/^Bearer /, '');
  const [head = '', body = '', signature = ''] = token.split('.');
  const json = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return random.pick([
    'Bearer',
    'Bearer ',
    `Basic ${Buffer.from('admin:admin').toString('base64')}`,
    token,
    `Bearer ${token} ${token}`,
    `Bearer ${head}.${body}.`,
    `Bearer ${head}..${signature}`,
    `Bearer ${json({ alg: 'none' })}.${body}.`,
    `Bearer ${json({ alg: 'HS256', typ: 'JWT' })}.${body}.${signature}`,
    `Bearer ${json({ alg: 'EdDSA', jku: 'http://x/' })}.${body}.${signature}`,
    `Bearer ${json({ alg: 'EdDSA', kid: '../../dev/null' })}.${body}.${signature}`,
    `Bearer ${head}.${json({ sub: 'x', tenant: 'demo', roles: ['admin'] })}.${signature}`,
    `Bearer ${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
    `Bearer ${'a'.repeat(9_000)}`,
    `Bearer ${json([])}.${json(null)}.x`,
    `Bearer ${token}\u0000`,
    'Bearer null',
    'Bearer ....',
    `Bearer ${random.bytes(60).toString('base64url')}`,
    `Bearer ${random.bytes(30).toString('base64url')}.${random.bytes(60).toString('base64url')}.${random.bytes(64).toString('base64url')}`,
  ]);
}

function oddFraming(random: Random, target: FuzzTarget, n: number): BadRequest {
  const body = plain(target, n);
  const chunked = (text: string): BadRequest => ({
    ...request(target, {
      method: 'POST',
      path: target.writePath(n),
      headers: ['Content-Type: application/json', 'Transfer-Encoding: chunked'],
      body: Buffer.from(text),
      without: ['content-length'],
    }),
    cutOff: true,
  });
  const measured = (length: string, extra: readonly string[] = []): BadRequest => ({
    ...post(
      target,
      n,
      body,
      ['Content-Type: application/json', `Content-Length: ${length}`, ...extra],
      ['content-length'],
    ),
    cutOff: true,
  });
  return random.pick<() => BadRequest>([
    () => chunked('c\r\n{"text":"x"'),
    () => chunked('zz\r\n{}\r\n0\r\n\r\n'),
    () => chunked('-1\r\n{}\r\n0\r\n\r\n'),
    () => chunked('ffffffffffffffffff\r\n{}\r\n0\r\n\r\n'),
    () => chunked('2\r\n{}x\r\n0\r\n\r\n'),
    () => chunked(`2;${'e'.repeat(20_000)}\r\n{}\r\n0\r\n\r\n`),
    () => chunked('2\n{}\n0\n\n'),
    () => measured('200'),
    () => measured('5'),
    () => measured(`${body.length}`, [`Content-Length: ${body.length + 1}`]),
    () => measured(`${body.length}`, ['Transfer-Encoding: chunked']),
    () => post(target, n, gzipSync(body), ['Content-Type: application/json', 'Content-Encoding: gzip']),
    () => post(target, n, gzipSync(body)),
    () => ({ ...post(target, n, Buffer.alloc(1_048_577, 0x20)), oversized: true }),
    () => ({ ...post(target, n, Buffer.alloc(3_000_000, 0x20)), oversized: true }),
    () => ({ ...request(target, { path: random.pick(target.readPaths), body }), name: 'GET with a body' }),
  ])();
}

const plain = (target: FuzzTarget, n: number): Buffer => Buffer.from(`{${target.members(n)}}`);

const post = (
  target: FuzzTarget,
  n: number,
  body: Buffer,
  headers = ['Content-Type: application/json'],
  without: readonly string[] = [],
): BadRequest => ({
  ...request(target, { method: 'POST', path: target.writePath(n), headers, body, without }),
  body,
});

function request(
  target: FuzzTarget,
  { method = 'GET', path = '/v1', version = 'HTTP/1.1', headers = [], body, without = [] }: Parts,
): BadRequest {
  const lines = [
    `${method} ${path} ${version}`,
    ...(without.includes('host') ? [] : ['Host: fuzz']),
    ...(without.includes('authorization') ? [] : [`Authorization: ${target.authorization}`]),
    'Connection: close',
    ...headers,
    ...(body === undefined || without.includes('content-length') ? [] : [`Content-Length: ${body.length}`]),
  ];
  const name = `${lines[0]} ${headers.join(' ')} ${body?.toString('latin1') ?? ''}`.slice(0, 300);
  return { name, bytes: Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body ?? Buffer.alloc(0)]) };
}

const verbatim = (line: string, { authorization }: FuzzTarget): BadRequest => ({
  name: line.slice(0, 100),
  bytes: Buffer.from(`${line}\r\nHost: fuzz\r\nAuthorization: ${authorization}\r\nConnection: close\r\n\r\n`),
});
