import { describe, expect, it } from '@jest/globals';
import { securitySettings } from './security.settings.ts';

const faultsOf = (given: object): string[] =>
  (securitySettings.safeParse(given).error?.issues ?? []).map((issue) => issue.path.join('.')).sort();

describe('the settings of security', () => {
  it('need nothing in development', () => {
    expect(faultsOf({})).toEqual([]);
  });

  it('need keys, issuer and audience in production, named together', () => {
    expect(faultsOf({ environment: 'production' })).toEqual(['audience', 'issuer', 'jwksUrl']);
  });

  it('need issuer and audience wherever keys are configured', () => {
    expect(faultsOf({ jwksUrl: 'https://issuer.example/keys' })).toEqual(['audience', 'issuer']);
  });

  it.each([
    [{ algorithms: 'none' }, 'algorithms.0'],
    [{ algorithms: 'RS256, HS256' }, 'algorithms.1'],
    [{ leewaySeconds: '31' }, 'leewaySeconds'],
    [{ leewaySeconds: '-1' }, 'leewaySeconds'],
    [{ jwksUrl: 'file:///etc/passwd' }, 'jwksUrl'],
    [{ publicKeyPem: 'secret' }, 'publicKeyPem'],
  ])('refuse %j', (given, field) => {
    expect(faultsOf(given)).toContain(field);
  });

  it.each([
    ['production', 'http://issuer.example/keys', ['jwksUrl']],
    ['production', 'http://127.0.0.1.example/keys', ['jwksUrl']],
    ['production', 'http://10.0.0.7/keys', ['jwksUrl']],
    ['production', 'https://issuer.example/keys', []],
    ['production', 'http://localhost:8080/keys', []],
    ['production', 'http://127.0.0.1:8080/keys', []],
    ['production', 'http://[::1]:8080/keys', []],
    ['development', 'http://issuer.example/keys', []],
  ])('in %s with keys from %s have the faults %j', (environment, jwksUrl, faults) => {
    expect(faultsOf({ environment, jwksUrl, issuer: 'issuer', audience: 'groundwork' })).toEqual(faults);
  });

  it('accept a leeway of 30 s', () => {
    expect(securitySettings.parse({ leewaySeconds: '30' }).leewaySeconds).toBe(30);
  });
});
