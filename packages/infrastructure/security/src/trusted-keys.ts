// The public keys with which a token's signature may be checked, and the algorithms each of them allows.
import { createPublicKey, type KeyObject } from 'node:crypto';
import { Misconfigured, Unavailable, type Policy, type Resilience } from '@groundwork/application';
import { createRemoteJWKSet, customFetch, errors, type FetchImplementation, type JWTVerifyGetKey } from 'jose';
import { developmentKey } from './development-key.ts';
import { usesDevelopmentKey, type SecuritySettings, type TokenAlgorithm } from './security.settings.ts';

const FETCH_TIMEOUT_MS = 5_000;
const FETCH_COOLDOWN_MS = 30_000;
const KEYS_FRESH_MS = 5 * 60_000;
const KEYS_STALE_MAX_MS = 24 * 60 * 60_000;
const KEY_SET_BYTES_MAX = 256 * 1024;

export interface TrustedKeys {
  readonly algorithms: readonly TokenAlgorithm[];
  readonly keyFor: JWTVerifyGetKey;
}

/**
 * Keys come from the configuration only, never from a token. Throws Misconfigured `security.public-key-unreadable`
 * and `security.no-trusted-keys`.
 */
export function trustedKeys(settings: SecuritySettings, resilience: Resilience): TrustedKeys {
  if (settings.jwksUrl !== undefined) {
    const keyFor = publishedKeys(new URL(settings.jwksUrl), resilience.policyFor('keys'));
    return { algorithms: settings.algorithms, keyFor };
  }
  const key = settings.publicKeyPem === undefined ? ownKey(settings) : configuredKey(settings.publicKeyPem);
  const algorithms = algorithmsOf(key).filter((name) => settings.algorithms.includes(name));
  if (algorithms.length === 0) {
    throw new Misconfigured(
      'security.no-trusted-keys',
      `A key of type ${key.asymmetricKeyType} signs with none of ${settings.algorithms.join(', ')}.`,
      'Set GW_JWT_ALGORITHMS to what the issuer uses.',
    );
  }
  return { algorithms, keyFor: () => Promise.resolve(key) };
}

function ownKey(settings: SecuritySettings): KeyObject {
  if (usesDevelopmentKey(settings)) return developmentKey(settings.dataDir).publicKey;
  throw new Misconfigured(
    'security.no-trusted-keys',
    'Nothing says whose tokens are to be believed.',
    'Set GW_JWKS_URL or GW_JWT_PUBLIC_KEY.',
  );
}

function configuredKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (error) {
    throw new Misconfigured(
      'security.public-key-unreadable',
      'GW_JWT_PUBLIC_KEY does not hold a public key.',
      'Give it in PEM form, beginning with -----BEGIN PUBLIC KEY-----.',
      {},
      { cause: error },
    );
  }
}

function algorithmsOf(key: KeyObject): readonly TokenAlgorithm[] {
  const curves: Record<string, TokenAlgorithm> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
    case 'ec': {
      const algorithm = curves[key.asymmetricKeyDetails?.namedCurve ?? ''];
      return algorithm === undefined ? [] : [algorithm];
    }
    case 'ed25519':
      return ['EdDSA', 'Ed25519'];
    default:
      return [];
  }
}

/**
 * The issuer's published keys: fetched once for many requests, at most every 30 s for an unknown key id, and kept up
 * to a day while the issuer cannot be reached. Throws Unavailable `security.keys-unavailable` without any.
 */
function publishedKeys(url: URL, policy: Policy): JWTVerifyGetKey {
  const keySet = createRemoteJWKSet(url, {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cooldownDuration: FETCH_COOLDOWN_MS,
    cacheMaxAge: KEYS_FRESH_MS,
    [customFetch]: rememberingFetch(policy),
  });
  return async (header, token) => {
    try {
      return await keySet(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) throw error;
      if (keySet.jwks() !== undefined && error instanceof errors.JOSEError) throw error;
      throw new Unavailable(
        'security.keys-unavailable',
        "The issuer's keys cannot be fetched, so no token can be checked.",
        'Check that the address in GW_JWKS_URL can be reached from here.',
        5,
        { cause: error },
      );
    }
  };
}

function rememberingFetch(policy: Policy): FetchImplementation {
  let remembered: { readonly text: string; readonly atMs: number } | undefined;
  return async (url, options) => {
    try {
      const text = await policy.execute(
        async (signal) => {
          const response = await fetch(url, { ...options, signal });
          if (response.status !== 200) throw new UnexpectedAnswer(response.status);
          return keySetText(await readAtMost(response, KEY_SET_BYTES_MAX));
        },
        { kind: 'read', signal: options.signal },
      );
      remembered = { text, atMs: Date.now() };
    } catch (error) {
      if (remembered === undefined || Date.now() - remembered.atMs > KEYS_STALE_MAX_MS) throw error;
    }
    return new Response(remembered.text);
  };
}

class UnexpectedAnswer extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`the issuer answered ${status}`);
    this.status = status;
  }
}

function keySetText(text: string): string {
  if (!Array.isArray((JSON.parse(text) as { keys?: unknown } | null)?.keys))
    throw new Error('this is not a set of keys');
  return text;
}

async function readAtMost(response: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw new Error(`the set of keys is larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
