// Sixty and more ways to pretend to be somebody: what a verifier has to refuse.
import { createHmac, createSign, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';

/** What a forger can see and get: a genuine token, the public key, and the claims and header that would be accepted. */
export interface Genuine {
  readonly token: string;
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly publicKey: KeyObject;
  /** Signs with the genuine Ed25519 key: the issuer's own mistakes are refused too. */
  readonly privateKey: KeyObject;
}

export interface ForgedToken {
  readonly name: string;
  readonly token: string;
}

/** The table; every name is unique. `nowSeconds` is the verifier's time, `leewaySeconds` what it forgives. */
export function forgedTokens(genuine: Genuine, nowSeconds: number, leewaySeconds: number): readonly ForgedToken[] {
  return [
    ...brokenForms(genuine),
    ...otherAlgorithms(genuine),
    ...otherKeys(genuine),
    ...headersWithPower(genuine),
    ...keyIds(genuine),
    ...claims(genuine, nowSeconds, leewaySeconds),
  ];
}

function brokenForms({ token, header, claims, privateKey }: Genuine): readonly ForgedToken[] {
  const [head = '', body = '', signature = ''] = token.split('.');
  const flipped = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1);
  const broken: Record<string, string> = {
    empty: '',
    'a single dot': '.',
    'two dots': '..',
    'no signature part': `${head}.${body}`,
    'empty signature': `${head}.${body}.`,
    'empty header': `.${body}.${signature}`,
    'empty claims': `${head}..${signature}`,
    'four parts': `${token}.${signature}`,
    'five parts, as if encrypted': `${token}.${head}.${body}`,
    'swapped header and claims': `${body}.${head}.${signature}`,
    'flipped signature bit': `${head}.${body}.${flipped}`,
    'shortened signature': `${head}.${body}.${signature.slice(0, -4)}`,
    'signature of zeros': `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
    'changed claims under the old signature': `${head}.${encode({ ...claims, roles: ['admin', 'root'] })}.${signature}`,
    'changed header under the old signature': `${encode({ ...header, kid: 'other' })}.${body}.${signature}`,
    'blank inside': `${head}. ${body}.${signature}`,
    'line break at the end': `${token}\n`,
    'NUL at the end': `${token}\u0000`,
    'padded base64': `${head}=.${body}=.${signature}=`,
    'percent-encoded dots': token.replaceAll('.', '%2e'),
    'full-width letters': token.replace('e', 'ｅ'),
    'not base64 at all': '!!!.###.$$$',
    'header that is no JSON': `${Buffer.from('{alg').toString('base64url')}.${body}.${signature}`,
    'header that is a list': `${encode([])}.${body}.${signature}`,
    'header that is null': `${encode(null)}.${body}.${signature}`,
    'header that is no UTF-8': `${Buffer.from([0xff, 0xfe]).toString('base64url')}.${body}.${signature}`,
    'claims that are no JSON': signText(encode(header), Buffer.from('{"sub":').toString('base64url'), privateKey),
    'claims that are a list': signText(encode(header), encode([]), privateKey),
    'claims that are null': signText(encode(header), encode(null), privateKey),
    'JSON serialisation instead of compact': JSON.stringify({ protected: head, payload: body, signature }),
    'twice the word Bearer': `Bearer ${token}`,
    'longer than 8 KB': signed(header, { ...claims, padding: 'x'.repeat(9_000) }, privateKey),
    'a megabyte of letters': 'a'.repeat(1_000_000),
  };
  return named('form', broken);
}

function otherAlgorithms({ header, claims, publicKey, privateKey }: Genuine): readonly ForgedToken[] {
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  const der = publicKey.export({ type: 'spki', format: 'der' });
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const unsigned = (alg: string): string => `${encode({ ...header, alg })}.${encode(claims)}.`;
  const hmac = (alg: string, hash: string, secret: string | Buffer): string => {
    const text = `${encode({ ...header, alg })}.${encode(claims)}`;
    return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
  };
  const forged: Record<string, string> = {
    none: unsigned('none'),
    None: unsigned('None'),
    NONE: unsigned('NONE'),
    nOnE: unsigned('nOnE'),
    'none with a signature': `${unsigned('none')}AAAA`,
    'HS256 with the public key as PEM': hmac('HS256', 'sha256', pem),
    'HS256 with the public key as DER': hmac('HS256', 'sha256', der),
    'HS256 with the raw public key': hmac('HS256', 'sha256', raw),
    'HS384 with the public key': hmac('HS384', 'sha384', pem),
    'HS512 with the public key': hmac('HS512', 'sha512', pem),
    'HS256 with an empty secret': hmac('HS256', 'sha256', ''),
    'HS256 with the secret "secret"': hmac('HS256', 'sha256', 'secret'),
    'genuine signature called RS256': signed({ ...header, alg: 'RS256' }, claims, privateKey),
    'genuine signature called ES256': signed({ ...header, alg: 'ES256' }, claims, privateKey),
    'lower-case eddsa': signed({ ...header, alg: 'eddsa' }, claims, privateKey),
    'unknown algorithm': signed({ ...header, alg: 'XS999' }, claims, privateKey),
    'algorithm that is a number': signed({ ...header, alg: 5 }, claims, privateKey),
    'algorithm that is a list': signed({ ...header, alg: ['EdDSA'] }, claims, privateKey),
    'no algorithm': signed({ typ: 'at+jwt' }, claims, privateKey),
    'key agreement instead of signature': unsigned('dir'),
  };
  return named('algorithm', forged);
}

function otherKeys({ header, claims }: Genuine): readonly ForgedToken[] {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const text = (alg: string): string => `${encode({ ...header, alg })}.${encode(claims)}`;
  const own = generateKeyPairSync('ed25519');
  const forged: Record<string, string> = {
    'own Ed25519 key': signed(header, claims, own.privateKey),
    'own RSA key': `${text('RS256')}.${createSign('sha256').update(text('RS256')).sign(rsa, 'base64url')}`,
    'own P-256 key': `${text('ES256')}.${sign('sha256', Buffer.from(text('ES256')), { key: ec, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`,
    'ES256 signature of zeros': `${text('ES256')}.${Buffer.alloc(64).toString('base64url')}`,
    'own key brought along as jwk': signed(
      { ...header, jwk: own.publicKey.export({ format: 'jwk' }) },
      claims,
      own.privateKey,
    ),
  };
  return named('key', forged);
}

function headersWithPower({ header, claims, privateKey }: Genuine): readonly ForgedToken[] {
  const extra: Record<string, Record<string, unknown>> = {
    jku: { jku: 'https://attacker.example/keys.json' },
    x5u: { x5u: 'https://attacker.example/chain.pem' },
    x5c: { x5c: ['MIIB'] },
    'empty jwk': { jwk: {} },
    'critical header': { crit: ['exp'], exp: 1 },
    'unknown critical header': { crit: ['http://attacker.example/x'], 'http://attacker.example/x': true },
    'empty crit': { crit: [] },
    'crit that is a text': { crit: 'exp' },
    'unencoded claims': { b64: false, crit: ['b64'] },
    compression: { zip: 'DEF' },
    'typ of an ID token': { typ: 'id+jwt' },
    'typ of a logout token': { typ: 'logout+jwt' },
    'typ of a proof of possession': { typ: 'dpop+jwt' },
    'typ that is a number': { typ: 7 },
  };
  return named(
    'header',
    mapValues(extra, (fields) => signed({ ...header, ...fields }, claims, privateKey)),
  );
}

function keyIds({ header, claims, privateKey }: Genuine): readonly ForgedToken[] {
  const stranger = generateKeyPairSync('ed25519').privateKey;
  const ids: Record<string, unknown> = {
    'a path': '../../../../dev/null',
    SQL: "x' UNION SELECT 'secret",
    'a URL': 'https://attacker.example/key',
    'the name of a prototype': '__proto__',
    'ten kilobytes': 'k'.repeat(10_000),
  };
  const refusedWhoeverSigned: Record<string, unknown> = {
    empty: '',
    'a number': 7,
    'a list': ['a'],
    '129 characters': 'k'.repeat(129),
  };
  return [
    ...named(
      'key id',
      mapValues(ids, (kid) => signed({ ...header, kid }, claims, stranger)),
    ),
    ...named(
      'key id',
      mapValues(refusedWhoeverSigned, (kid) => signed({ ...header, kid }, claims, privateKey)),
    ),
  ];
}

function claims(genuine: Genuine, nowSeconds: number, leewaySeconds: number): readonly ForgedToken[] {
  const changed: Record<string, Record<string, unknown>> = {
    'expired a second beyond the leeway': { exp: nowSeconds - leewaySeconds - 1 },
    'expired exactly at the leeway': { exp: nowSeconds - leewaySeconds },
    'no exp': { exp: undefined },
    'exp that is a text': { exp: String(nowSeconds + 600) },
    'exp that is null': { exp: null },
    'negative exp': { exp: -1 },
    'exp beyond numbers': { exp: Number.POSITIVE_INFINITY },
    'not valid yet': { nbf: nowSeconds + leewaySeconds + 2 },
    'nbf that is a text': { nbf: 'now' },
    'issued in the future': { iat: nowSeconds + leewaySeconds + 2 },
    'iat that is a text': { iat: 'today' },
    'no issuer': { iss: undefined },
    'other issuer': { iss: 'https://attacker.example' },
    'issuer with a slash more': { iss: `${String(genuine.claims['iss'])}/` },
    'issuer in capitals': { iss: String(genuine.claims['iss']).toUpperCase() },
    'issuer that is a list': { iss: [genuine.claims['iss']] },
    'no audience': { aud: undefined },
    'other audience': { aud: 'other-service' },
    'empty list of audiences': { aud: [] },
    'audience that is an object': { aud: { 0: genuine.claims['aud'] } },
    'audience that contains ours': { aud: `${String(genuine.claims['aud'])}-admin` },
    'no subject': { sub: undefined },
    'empty subject': { sub: '' },
    'subject that is a number': { sub: 42 },
    'subject with a line break': { sub: 'a\nb' },
    'subject of 256 characters': { sub: 's'.repeat(256) },
    'no tenant': { tenant: undefined },
    'empty tenant': { tenant: '' },
    'tenant in capitals': { tenant: 'DEMO' },
    'tenant that is SQL': { tenant: "demo' or '1'='1" },
    'tenant that is a path': { tenant: '../demo' },
    'tenant that is a list': { tenant: ['demo'] },
    'tenant of 64 characters': { tenant: 't'.repeat(64) },
    'roles that are a text': { roles: 'admin' },
    'roles that are an object': { roles: { admin: true } },
    'roles that are no texts': { roles: [{ role: 'admin' }] },
    '101 roles': { roles: Array.from({ length: 101 }, (_, index) => `role-${index}`) },
    'nonce of an ID token': { nonce: 'n-0S6_WzA2Mj' },
    'at_hash of an ID token': { at_hash: 'MTIzNDU2Nzg5MDEyMzQ1Ng' },
  };
  return named(
    'claim',
    mapValues(changed, (fields) => signed(genuine.header, { ...genuine.claims, ...fields }, genuine.privateKey)),
  );
}

const signed = (header: object, payload: object, key: KeyObject): string =>
  signText(encode(header), encode(payload), key);

const signText = (head: string, body: string, key: KeyObject): string =>
  `${head}.${body}.${sign(null, Buffer.from(`${head}.${body}`), key).toString('base64url')}`;

// JSON has no infinity; a number too large for a double is how a forger would write it.
const encode = (value: unknown): string =>
  Buffer.from(
    JSON.stringify(value, (_key, part: unknown) => (part === Number.POSITIVE_INFINITY ? '∞' : part)).replace(
      '"∞"',
      '1e400',
    ),
  ).toString('base64url');

const named = (area: string, tokens: Record<string, string>): readonly ForgedToken[] =>
  Object.entries(tokens).map(([name, token]) => ({ name: `${area}: ${name}`, token }));

const mapValues = <In, Out>(record: Record<string, In>, change: (value: In) => Out): Record<string, Out> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
