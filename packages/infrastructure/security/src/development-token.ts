// A token for those who develop here, signed with the machine's own key.
import { randomUUID } from 'node:crypto';
import { NotPermitted } from '@groundwork/application';
import { parseTenantId } from '@groundwork/domain';
import { SignJWT } from 'jose';
import { developmentKey } from './development-key.ts';
import { audienceOf, issuerOf, usesDevelopmentKey, type SecuritySettings } from './security.settings.ts';

const TWELVE_HOURS_IN_SECONDS = 12 * 60 * 60;
const OWN_TENANT = 'demo';

export interface DevelopmentTokenRequest {
  readonly tenant?: string;
  readonly role?: string;
  readonly subject?: string;
  readonly expiresInSeconds?: number;
}

/**
 * A bearer token that the processes of this machine believe; the admin of `demo` may also run the
 * installation. Throws NotPermitted `security.development-only` in production, and where tokens come from a configured
 * issuer; throws Refusal `tenant.malformed`.
 */
export async function issueDevelopmentToken(
  settings: SecuritySettings,
  {
    tenant = OWN_TENANT,
    role = 'admin',
    subject = 'developer',
    expiresInSeconds = TWELVE_HOURS_IN_SECONDS,
  }: DevelopmentTokenRequest = {},
  now: Date = new Date(),
): Promise<string> {
  if (!usesDevelopmentKey(settings)) {
    throw new NotPermitted(
      'security.development-only',
      'Development tokens are neither issued nor believed here.',
      'Get a token from the issuer that GW_JWT_ISSUER names.',
    );
  }
  const nowSeconds = Math.floor(now.getTime() / 1000);
  return new SignJWT({ [settings.tenantClaim]: parseTenantId(tenant), [settings.rolesClaim]: rolesOf(tenant, role) })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt' })
    .setIssuer(issuerOf(settings))
    .setAudience(audienceOf(settings))
    .setSubject(subject)
    .setJti(randomUUID())
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + expiresInSeconds)
    .sign(developmentKey(settings.dataDir).privateKey);
}

/** A developer's machine has one owner: the admin of its own tenant runs the installation, too. */
const rolesOf = (tenant: string, role: string): readonly string[] =>
  tenant === OWN_TENANT && role === 'admin' ? [role, 'installation-operator'] : [role];
