// Believes a bearer token, or says why not.
import {
  NotAuthenticated,
  Unavailable,
  type Actor,
  type Authenticator,
  type Clock,
  type Resilience,
  type RoleDefinition,
} from '@groundwork/application';
import { parseTenantId, type TenantId } from '@groundwork/domain';
import { decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from 'jose';
import { audienceOf, issuerOf, type SecuritySettings } from './security.settings.ts';
import { trustedKeys, type TrustedKeys } from './trusted-keys.ts';

const TOKEN_BYTES_MAX = 8 * 1024;
const KEY_ID_LENGTH_MAX = 128;
const SUBJECT_LENGTH_MAX = 255;
const ROLES_MAX = 100;
const COMPACT_FORM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
// Each of these lets a token bring its own key or change how it is checked.
const REFUSED_HEADERS = ['jku', 'x5u', 'jwk', 'x5c', 'crit', 'b64', 'zip', 'enc'] as const;
const ACCESS_TOKEN_TYPES = new Set(['jwt', 'at+jwt', 'application/at+jwt', 'application/jwt']);
// Only tokens that tell a client about a login carry these; they are not made for calling anybody.
const ID_TOKEN_CLAIMS = ['nonce', 'at_hash', 'c_hash'] as const;

/**
 * Accepts tokens of the one configured issuer, signed with one of its keys and an asymmetric algorithm, made for this
 * service, valid now, and naming subject and tenant. The roles a token names turn into what their definitions grant.
 */
export class JwtAuthenticator implements Authenticator {
  readonly #settings: SecuritySettings;
  readonly #clock: Clock;
  readonly #keys: TrustedKeys;
  readonly #permissionsByRole: ReadonlyMap<string, ReadonlySet<string>>;

  /** Throws Misconfigured when there is no key to check a token with. */
  constructor(settings: SecuritySettings, clock: Clock, roles: readonly RoleDefinition[], resilience: Resilience) {
    this.#settings = settings;
    this.#clock = clock;
    this.#keys = trustedKeys(settings, resilience);
    this.#permissionsByRole = permissionsByRole(roles);
  }

  async authenticate(bearerToken: string): Promise<Actor> {
    refuseMalformed(bearerToken);
    const payload = await this.#verify(bearerToken);
    const roles = rolesIn(payload[this.#settings.rolesClaim]);
    return {
      subject: subjectIn(payload.sub),
      tenant: tenantIn(payload[this.#settings.tenantClaim]),
      roles,
      permissions: new Set(roles.flatMap((role) => [...(this.#permissionsByRole.get(role) ?? [])])),
    };
  }

  async #verify(token: string): Promise<JWTPayload> {
    const now = this.#clock.now();
    try {
      const { payload } = await jwtVerify(token, this.#keys.keyFor, {
        algorithms: [...this.#keys.algorithms],
        issuer: issuerOf(this.#settings),
        audience: audienceOf(this.#settings),
        clockTolerance: this.#settings.leewaySeconds,
        currentDate: now,
        requiredClaims: ['exp', 'sub', this.#settings.tenantClaim],
      });
      refuseUntimely(payload, now, this.#settings.leewaySeconds);
      return payload;
    } catch (error) {
      throw error instanceof Unavailable || error instanceof NotAuthenticated ? error : disbelief(error);
    }
  }
}

function permissionsByRole(roles: readonly RoleDefinition[]): ReadonlyMap<string, ReadonlySet<string>> {
  const byRole = new Map<string, Set<string>>();
  for (const { role, permissions } of roles) {
    const granted = byRole.get(role) ?? new Set<string>();
    for (const permission of permissions) granted.add(permission);
    byRole.set(role, granted);
  }
  return byRole;
}

function refuseMalformed(token: string): void {
  if (token.length > TOKEN_BYTES_MAX || !COMPACT_FORM.test(token)) throw malformed();
  let header: Record<string, unknown>;
  try {
    header = decodeProtectedHeader(token);
  } catch {
    throw malformed();
  }
  const refused = REFUSED_HEADERS.find((name) => Object.hasOwn(header, name));
  if (refused !== undefined) throw notTrusted(`its header "${refused}" is not accepted`);
  const { kid, typ } = header;
  if (kid !== undefined && (typeof kid !== 'string' || kid.length === 0 || kid.length > KEY_ID_LENGTH_MAX)) {
    throw notTrusted(`its key id is not a text of 1 to ${KEY_ID_LENGTH_MAX} characters`);
  }
  if (typ !== undefined && (typeof typ !== 'string' || !ACCESS_TOKEN_TYPES.has(typ.toLowerCase()))) {
    throw notTrusted('it is not an access token');
  }
}

function refuseUntimely(payload: JWTPayload, now: Date, leewaySeconds: number): void {
  const latest = now.getTime() / 1000 + leewaySeconds;
  if (!Number.isFinite(payload.exp)) throw notTrusted('it would never expire');
  if (payload.iat !== undefined && payload.iat > latest) throw notTrusted('it was issued in the future');
  if (ID_TOKEN_CLAIMS.some((claim) => Object.hasOwn(payload, claim))) throw notTrusted('it is an ID token');
}

function subjectIn(claim: unknown): string {
  if (typeof claim === 'string' && claim.length > 0 && claim.length <= SUBJECT_LENGTH_MAX && isPrintable(claim))
    return claim;
  throw notTrusted(`its subject is not a text of 1 to ${SUBJECT_LENGTH_MAX} printable characters`);
}

function tenantIn(claim: unknown): TenantId {
  try {
    if (typeof claim === 'string') return parseTenantId(claim);
  } catch {
    // Said below, in the words of a token.
  }
  throw notTrusted('its tenant is not a tenant id');
}

function rolesIn(claim: unknown): readonly string[] {
  if (claim === undefined) return [];
  if (
    Array.isArray(claim) &&
    claim.length <= ROLES_MAX &&
    claim.every((role): role is string => typeof role === 'string')
  ) {
    return claim;
  }
  throw notTrusted(`its roles are not a list of at most ${ROLES_MAX} texts`);
}

const isPrintable = (text: string): boolean => text.isWellFormed() && !/\p{Cc}/u.test(text);

function disbelief(error: unknown): NotAuthenticated {
  if (error instanceof errors.JWTExpired) {
    return new NotAuthenticated(
      'security.token-expired',
      'The token has expired.',
      'Get a new token and repeat the request.',
    );
  }
  if (error instanceof errors.JWTClaimValidationFailed)
    return notTrusted(`its claim "${error.claim}" is missing or not accepted`);
  if (error instanceof errors.JOSEAlgNotAllowed) return notTrusted('its algorithm is not accepted');
  if (error instanceof errors.JWTInvalid || error instanceof errors.JWSInvalid) return malformed();
  return notTrusted('its signature cannot be verified with a trusted key');
}

const malformed = (): NotAuthenticated =>
  new NotAuthenticated(
    'security.token-malformed',
    `The token is not a signed JWT of at most ${TOKEN_BYTES_MAX} bytes.`,
    'Send "Authorization: Bearer <token>" with the token as the issuer gave it.',
  );

const notTrusted = (because: string): NotAuthenticated =>
  new NotAuthenticated(
    'security.token-not-trusted',
    `The token is not believed: ${because}.`,
    'Get a token for this service from its issuer.',
  );
