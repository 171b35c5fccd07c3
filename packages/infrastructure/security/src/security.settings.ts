// What can be set about who is believed and what their tokens look like.
import { setting, wholeNumberSetting } from '@groundwork/application';
import { z } from 'zod';

/** Signatures made with a private key nobody here holds. `none` and the HMAC family are not offered at all. */
export const ASYMMETRIC_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;
export type TokenAlgorithm = (typeof ASYMMETRIC_ALGORITHMS)[number];

const algorithmList = z
  .string()
  .default('RS256,PS256,ES256,EdDSA,Ed25519')
  .transform((text) => text.split(',').map((name) => name.trim()))
  .pipe(z.array(z.enum(ASYMMETRIC_ALGORITHMS)).min(1));

const fields = z.object({
  environment: setting(z.enum(['development', 'test', 'production']).default('development'), {
    variable: 'NODE_ENV',
    description: 'In production nothing works with development keys and what is unsafe stops the start.',
    allowed: 'development, test or production',
  }),
  dataDir: setting(z.string().min(1).default('.groundwork'), {
    variable: 'GW_DATA_DIR',
    description: 'The folder of the embedded database and of the development key.',
  }),
  issuer: setting(z.string().min(1).max(500).optional(), {
    variable: 'GW_JWT_ISSUER',
    description: 'The `iss` that a token must carry.',
  }),
  audience: setting(z.string().min(1).max(500).optional(), {
    variable: 'GW_JWT_AUDIENCE',
    description: 'The `aud` that a token must carry: the name of this service at the issuer.',
  }),
  jwksUrl: setting(z.url({ protocol: /^https?$/ }).optional(), {
    variable: 'GW_JWKS_URL',
    description: 'Where the issuer publishes its public keys.',
    allowed: 'an https URL; outside production, and on this machine, http is accepted too',
  }),
  publicKeyPem: setting(z.string().includes('-----BEGIN').optional(), {
    variable: 'GW_JWT_PUBLIC_KEY',
    description: "The issuer's public key, where it publishes none.",
    allowed: 'a PEM text',
  }),
  algorithms: setting(algorithmList, {
    variable: 'GW_JWT_ALGORITHMS',
    description: 'The signature algorithms that are accepted.',
    allowed: `a comma-separated list of ${ASYMMETRIC_ALGORITHMS.join(', ')}`,
  }),
  leewaySeconds: wholeNumberSetting(0, 30, 5, {
    variable: 'GW_JWT_LEEWAY_SECONDS',
    description: "How far the issuer's clock may be from ours.",
  }),
  tenantClaim: setting(z.string().min(1).max(100).default('tenant'), {
    variable: 'GW_JWT_TENANT_CLAIM',
    description: 'The claim that names the tenant.',
  }),
  rolesClaim: setting(z.string().min(1).max(100).default('roles'), {
    variable: 'GW_JWT_ROLES_CLAIM',
    description: 'The claim that lists the roles.',
  }),
});

/** Keys, issuer and audience belong together; production does not start without them. */
export const securitySettings = fields.superRefine((settings, faults) => {
  const hasKeys = settings.jwksUrl !== undefined || settings.publicKeyPem !== undefined;
  const refuse = (field: 'issuer' | 'audience' | 'jwksUrl', message: string): void => {
    faults.addIssue({ code: 'custom', path: [field], message });
  };
  if (settings.environment === 'production' && !hasKeys) {
    refuse('jwksUrl', 'production needs GW_JWKS_URL or GW_JWT_PUBLIC_KEY');
  }
  if (settings.environment === 'production' && canBeChangedOnTheWay(settings.jwksUrl)) {
    refuse('jwksUrl', 'production fetches keys over https: who can change them on the way can sign tokens');
  }
  if (settings.environment === 'production' || hasKeys) {
    if (settings.issuer === undefined) refuse('issuer', 'the issuer of the tokens has to be named');
    if (settings.audience === undefined) refuse('audience', 'the audience of the tokens has to be named');
  }
});

const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function canBeChangedOnTheWay(url: string | undefined): boolean {
  if (url === undefined) return false;
  const { protocol, hostname } = new URL(url);
  return protocol !== 'https:' && !LOOPBACK_HOST.test(hostname);
}

export type SecuritySettings = z.output<typeof securitySettings>;

export const issuerOf = (settings: SecuritySettings): string => settings.issuer ?? 'groundwork-development';
export const audienceOf = (settings: SecuritySettings): string => settings.audience ?? 'groundwork';

/** Whether tokens are signed with the key that this machine made for itself. */
export const usesDevelopmentKey = (settings: SecuritySettings): boolean =>
  settings.environment !== 'production' && settings.jwksUrl === undefined && settings.publicKeyPem === undefined;
