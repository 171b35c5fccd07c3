// AWS Signature Version 4, computed again from what arrived: whether a request was signed with a secret that we know.
import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export interface SignedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;
/** Without these a signature would not say what was asked of whom, and when. */
const SIGNED_AT_LEAST = ['host', 'x-amz-date'];
const AGE_MS_MAX = 15 * 60_000;

/** What is wrong with the signature, as AWS calls it; undefined when it is right. */
export function faultOfSignature(request: SignedRequest, secrets: ReadonlyMap<string, string>): string | undefined {
  const parts = AUTHORIZATION.exec(request.headers.authorization ?? '');
  if (parts === null) return 'MissingAuthenticationToken';
  const [, keyId, day, region, service, signedHeaders, signature] = parts as unknown as string[];
  const secret = secrets.get(keyId!);
  if (secret === undefined) return 'UnrecognizedClientException';
  const names = signedHeaders!.split(';');
  const time = String(request.headers['x-amz-date']);
  if (SIGNED_AT_LEAST.some((name) => !names.includes(name)) || !time.startsWith(day!)) return 'IncompleteSignature';
  if (Math.abs(Date.now() - momentOf(time)) > AGE_MS_MAX) return 'RequestExpired';
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical(request, names))}`;
  const key = [day, region, service, 'aws4_request'].reduce<Buffer | string>(hmac as never, `AWS4${secret}`);
  return hmac(key, toSign).toString('hex') === signature ? undefined : 'InvalidSignatureException';
}

function canonical({ method, url, headers, body }: SignedRequest, names: readonly string[]): string {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  searchParams.sort();
  const signed = names
    .map(
      (name) =>
        `${name}:${String(headers[name] ?? '')
          .trim()
          .replace(/ +/g, ' ')}\n`,
    )
    .join('');
  return [method, pathname, searchParams.toString(), signed, names.join(';'), sha256(body)].join('\n');
}

/** `20260102T030405Z` in milliseconds. */
const momentOf = (time: string): number =>
  Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text).digest();
