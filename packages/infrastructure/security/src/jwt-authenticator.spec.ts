import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CodedError } from '@groundwork/domain';
import { NotAuthenticated, Unavailable, type RoleDefinition } from '@groundwork/application';
import { PlainResilience } from '@groundwork/testing';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { developmentKey } from './development-key.ts';
import { issueDevelopmentToken } from './development-token.ts';
import { forgedTokens } from './forged-tokens-under-test.ts';
import { JwtAuthenticator } from './jwt-authenticator.ts';
import { securitySettings, type SecuritySettings } from './security.settings.ts';

const NOW = new Date('2026-05-06T07:08:09Z');
const NOW_SECONDS = NOW.getTime() / 1000;
const clock = { now: () => NOW };
const roles: RoleDefinition[] = [
  { role: 'viewer', permissions: ['clients:read'] },
  { role: 'viewer', permissions: ['platform:read'] },
  { role: 'admin', permissions: ['clients:write'] },
];

const resilience = new PlainResilience();

const dataDir = mkdtempSync(join(tmpdir(), 'groundwork-security-'));
const settings = securitySettings.parse({ environment: 'test', dataDir });
const authenticator = new JwtAuthenticator(settings, clock, roles, resilience);
const token = await issueDevelopmentToken(settings, { tenant: 'demo', role: 'viewer', subject: 'ada' }, NOW);
const { privateKey, publicKey } = developmentKey(dataDir);
const genuine = { token, privateKey, publicKey, header: decodeProtectedHeader(token), claims: decodeJwt(token) };

afterAll(() => rmSync(dataDir, { recursive: true }));

describe('a genuine token', () => {
  it('names subject, tenant and what all definitions of its roles grant', async () => {
    const actor = await authenticator.authenticate(token);

    expect(actor).toMatchObject({ subject: 'ada', tenant: 'demo', roles: ['viewer'] });
    expect([...actor.permissions].sort()).toEqual(['clients:read', 'platform:read']);
  });

  it('may be off by the leeway and not by more', async () => {
    const expired = async (secondsAgo: number): Promise<string> =>
      issueDevelopmentToken(settings, { expiresInSeconds: -secondsAgo }, NOW);

    await expect(authenticator.authenticate(await expired(settings.leewaySeconds - 1))).resolves.toBeDefined();
    await expect(authenticator.authenticate(await expired(settings.leewaySeconds))).rejects.toMatchObject({
      code: 'security.token-expired',
    });
  });

  it('gets nothing from a role that nobody defines', async () => {
    const unknown = await issueDevelopmentToken(settings, { role: 'constructor' }, NOW);

    expect((await authenticator.authenticate(unknown)).permissions.size).toBe(0);
  });
});

describe('a forged token', () => {
  const table = forgedTokens(genuine, NOW_SECONDS, settings.leewaySeconds);

  it('is made in at least sixty different ways', () => {
    expect(new Set(table.map((forged) => forged.name)).size).toBe(table.length);
    expect(new Set(table.map((forged) => forged.token)).size).toBe(table.length);
    expect(table.length).toBeGreaterThanOrEqual(60);
  });

  it.each(table)('is refused: $name', async ({ token: forged }) => {
    const answer = await authenticator.authenticate(forged).then(
      () => 'believed',
      (error: unknown) => error,
    );

    expect(answer).toBeInstanceOf(NotAuthenticated);
    expect((answer as CodedError).code).toMatch(/^security\.token-(malformed|expired|not-trusted)$/);
    expect((answer as CodedError).next).not.toBe('');
  });
});

describe('published keys', () => {
  let issuer: Server | undefined;
  let fetches = 0;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  let answer = (): { status: number; body: string } => ({ status: 200, body: keySet() });
  const keySet = (): string =>
    JSON.stringify({ keys: [{ ...rsa.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }] });

  const published = async (): Promise<SecuritySettings> => {
    fetches = 0;
    issuer = createServer((_request, response) => {
      fetches++;
      const { status, body } = answer();
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
    await new Promise<void>((listening) => issuer!.listen(0, '127.0.0.1', listening));
    const jwksUrl = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`;
    return securitySettings.parse({
      environment: 'production',
      jwksUrl,
      issuer: 'https://issuer.example',
      audience: 'groundwork',
    });
  };
  const tokenWith = async (kid: string): Promise<string> =>
    new SignJWT({ tenant: 'demo', roles: ['viewer'] })
      .setProtectedHeader({ alg: 'RS256', kid })
      .setIssuer('https://issuer.example')
      .setAudience(['other', 'groundwork'])
      .setSubject('ada')
      .setExpirationTime(NOW_SECONDS + 60)
      .sign(rsa.privateKey);

  afterEach(async () => {
    answer = () => ({ status: 200, body: keySet() });
    await new Promise((closed) => issuer?.close(closed));
  });

  it('are fetched once, however many tokens name unknown keys', async () => {
    const verifier = new JwtAuthenticator(await published(), clock, roles, resilience);
    await expect(verifier.authenticate(await tokenWith('one'))).resolves.toMatchObject({ subject: 'ada' });
    const unknown = await tokenWith('unknown');

    const answers = await Promise.allSettled(Array.from({ length: 500 }, () => verifier.authenticate(unknown)));

    expect(answers.every(({ status }) => status === 'rejected')).toBe(true);
    expect(fetches).toBe(1);
  });

  it.each([
    ['an error', 500, ''],
    ['a redirect', 302, ''],
    ['no JSON', 200, '<html>'],
    ['no key set', 200, '{"keys":7}'],
    ['more than 256 KB', 200, JSON.stringify({ keys: [], padding: 'x'.repeat(300_000) })],
  ])('that come as %s make the answer Unavailable, not a refusal of the token', async (_what, status, body) => {
    answer = () => ({ status, body });
    const verifier = new JwtAuthenticator(await published(), clock, roles, resilience);

    await expect(verifier.authenticate(await tokenWith('one'))).rejects.toThrow(Unavailable);
  });
});

describe('a configured public key', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = ec.publicKey.export({ type: 'spki', format: 'pem' });
  const configured = { environment: 'production', publicKeyPem: pem, issuer: 'i', audience: 'a' };

  it('checks tokens with the one algorithm that fits it', async () => {
    const verifier = new JwtAuthenticator(securitySettings.parse(configured), clock, roles, resilience);
    const genuineToken = await new SignJWT({ tenant: 'demo' })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('i')
      .setAudience('a')
      .setSubject('s')
      .setExpirationTime(NOW_SECONDS + 60)
      .sign(ec.privateKey);

    await expect(verifier.authenticate(genuineToken)).resolves.toMatchObject({ subject: 's', roles: [] });
    await expect(verifier.authenticate(token)).rejects.toThrow(NotAuthenticated);
  });

  it('that fits none of the allowed algorithms, or is unreadable, stops the start', () => {
    const build = (change: object) => () =>
      new JwtAuthenticator(securitySettings.parse({ ...configured, ...change }), clock, roles, resilience);

    expect(build({ algorithms: 'RS256' })).toThrow(expect.objectContaining({ code: 'security.no-trusted-keys' }));
    expect(build({ publicKeyPem: '-----BEGIN nothing' })).toThrow(
      expect.objectContaining({ code: 'security.public-key-unreadable' }),
    );
    expect(createPublicKey(pem).asymmetricKeyType).toBe('ec');
  });
});
