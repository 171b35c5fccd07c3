// Reads the headers that say on what condition, and after what, a request is meant.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { NotAuthenticated } from '@groundwork/application';
import { MalformedRequest } from './malformed-request.ts';

const WAIT_SECONDS_MAX = 30;
const WAIT_SECONDS_DEFAULT = 1;
const POSITION_MAX = 2n ** 63n - 1n;
// Two of any of these is how one server is made to read another request than the one before it.
const SINGLE = [
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'authorization',
  'idempotency-key',
  'if-match',
];

export interface Preconditions {
  readonly ifMatch: number | undefined;
  readonly ifNoneMatch: string | undefined;
}

/** Refuses what may be read in two ways, and what is too long to be read at all. */
export function refuseAmbiguous(request: IncomingMessage, urlBytesMax: number): void {
  const names = request.rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
  for (const name of SINGLE) {
    const count = names.filter((given) => given === name).length;
    if (count > 1) throw malformedHeader(name, 'is given more than once');
    if (count === 0 && name === 'host' && request.httpVersion === '1.1') throw malformedHeader(name, 'is missing');
  }
  const encoding = request.headers['transfer-encoding'];
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'chunked')
    throw malformedHeader('transfer-encoding', 'is not chunked');
  if (Buffer.byteLength(request.url ?? '') > urlBytesMax) {
    throw new MalformedRequest(
      'http.url-too-long',
      `The URL is longer than ${urlBytesMax} bytes.`,
      'Send less in the query.',
      { status: 414 },
    );
  }
  const coding = request.headers['content-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    throw new MalformedRequest(
      'http.content-encoding',
      'Compressed bodies are not accepted.',
      'Send the body as it is.',
      {
        status: 415,
        headers: { 'accept-encoding': 'identity' },
      },
    );
  }
}

/** The token of `Authorization: Bearer`; throws NotAuthenticated `security.token-missing`. */
export function bearerToken(headers: IncomingHttpHeaders): string {
  const token = /^Bearer +(?<token>[^ ]+)$/i.exec(headers.authorization ?? '')?.groups?.['token'];
  if (token !== undefined) return token;
  const next = 'Send "Authorization: Bearer <token>"; for development "npx gw token" prints one.';
  throw new NotAuthenticated('security.token-missing', 'The request carries no bearer token.', next);
}

export function idempotencyKey(headers: IncomingHttpHeaders): string | undefined {
  const key = single(headers['idempotency-key']);
  if (key === undefined || /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw malformedHeader('idempotency-key', 'is not 1 to 255 visible ASCII characters');
}

/** Versions come as the ETag of an answer did: one strong tag. `If-None-Match: *` on a change means version 0. */
export function preconditions(method: string, headers: IncomingHttpHeaders): Preconditions {
  const ifNoneMatch = headers['if-none-match'];
  const ifMatch = headers['if-match'];
  if (method === 'GET' || method === 'HEAD') return { ifMatch: versionOf(ifMatch), ifNoneMatch };
  if (ifNoneMatch === undefined) return { ifMatch: versionOf(ifMatch), ifNoneMatch };
  if (ifNoneMatch.trim() !== '*') throw malformedHeader('if-none-match', 'can only be * on a change');
  if (ifMatch !== undefined) throw malformedHeader('if-none-match', 'contradicts If-Match');
  return { ifMatch: 0, ifNoneMatch };
}

/** Whether an entity with this tag is what the caller has already (weak comparison, RFC 9110 13.1.2). */
export function matchesTag(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}

/** The position a reader wants to see, and how long it is ready to wait for it; a wait beyond 30 s is shortened. */
export function minPosition(
  headers: IncomingHttpHeaders,
): { readonly position: bigint; readonly waitSeconds: number } | undefined {
  const text = single(headers['groundwork-min-position']);
  if (text === undefined) return undefined;
  if (!/^\d{1,19}$/.test(text) || BigInt(text) > POSITION_MAX)
    throw malformedHeader('groundwork-min-position', 'is not a position');
  // RFC 7240: a preference that is not understood is ignored.
  const wait = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])/i.exec(single(headers['prefer']) ?? '')?.[1];
  return { position: BigInt(text), waitSeconds: Math.min(Number(wait ?? WAIT_SECONDS_DEFAULT), WAIT_SECONDS_MAX) };
}

export function lastEventId(headers: IncomingHttpHeaders): string | undefined {
  const id = single(headers['last-event-id']);
  // A browser that has seen no event yet sends an empty one.
  return id === '' ? undefined : id;
}

function versionOf(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined) return undefined;
  const version = /^"(0|[1-9]\d{0,14})"$/.exec(ifMatch.trim())?.[1];
  if (version === undefined) throw malformedHeader('if-match', 'is not one strong ETag such as "3"');
  return Number(version);
}

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header.join(', ') : header;

const malformedHeader = (name: string, how: string): MalformedRequest =>
  new MalformedRequest(
    'http.malformed-header',
    `The header ${name} ${how}.`,
    'Correct the header and repeat the request.',
    {
      details: { header: name },
    },
  );
