import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { developmentKey } from './development-key.ts';
import { issueDevelopmentToken } from './development-token.ts';
import { securitySettings } from './security.settings.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'groundwork-key-'));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

describe('the development key', () => {
  it('is one key for all processes that start together, and only its owner can read it', async () => {
    const program = `import { developmentKey } from ${JSON.stringify(join(import.meta.dirname, 'development-key.ts'))};
      process.stdout.write(developmentKey(${JSON.stringify(dataDir)}).publicKey.export({ format: 'jwk' }).x);`;
    const start = () =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], { env: { PATH: '' } });

    const keys = await Promise.all(Array.from({ length: 6 }, async () => (await start()).stdout));

    expect(new Set(keys)).toEqual(new Set([developmentKey(dataDir).publicKey.export({ format: 'jwk' }).x]));
    expect(readdirSync(dataDir)).toEqual(['development-token-key.json']);
    expect(statSync(join(dataDir, 'development-token-key.json')).mode & 0o777).toBe(0o600);
  });

  it('that was damaged is named, not silently replaced', () => {
    writeFileSync(join(dataDir, 'development-token-key.json'), '{"kty":"oct"}');

    expect(() => developmentKey(dataDir)).toThrow(
      expect.objectContaining({ code: 'security.development-key-unreadable' }),
    );
  });
});

describe('a development token', () => {
  const keys = { issuer: 'i', audience: 'a', jwksUrl: 'https://issuer.example/keys' };

  it.each([
    ['in production', { ...keys, environment: 'production' }],
    ['where tokens come from a configured issuer', { ...keys, environment: 'development' }],
  ])('is refused %s', async (_where, given) => {
    await expect(issueDevelopmentToken(securitySettings.parse(given))).rejects.toMatchObject({
      code: 'security.development-only',
    });
  });

  it('is refused for something that is no tenant', async () => {
    const settings = securitySettings.parse({ environment: 'development', dataDir });

    await expect(issueDevelopmentToken(settings, { tenant: 'No Tenant' })).rejects.toMatchObject({
      code: 'tenant.malformed',
    });
  });
});
