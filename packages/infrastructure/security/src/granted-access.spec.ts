import {
  Access,
  Authenticator,
  Clock,
  NotPermitted,
  Resilience,
  RoleDefinition,
  type Actor,
} from '@groundwork/application';
import { parseTenantId } from '@groundwork/domain';
import { PlainResilience } from '@groundwork/testing';
import { describe, expect, it } from '@jest/globals';
import { Container } from 'inversify';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { issueDevelopmentToken } from './development-token.ts';
import { GrantedAccess } from './granted-access.ts';
import { securityModule } from './security.module.ts';
import { securitySettings } from './security.settings.ts';

const actor = (...permissions: string[]): Actor => ({
  subject: 'ada',
  tenant: parseTenantId('demo'),
  roles: ['any'],
  permissions: new Set(permissions),
});

describe('GrantedAccess', () => {
  const access = new GrantedAccess();

  it('permits exactly what is granted', () => {
    expect(() => access.authorise(actor('clients:read'), 'clients:read')).not.toThrow();
  });

  it.each([[[]], [['clients:write']], [['clients:*']], [['*:*']], [['clients:rea']], [['CLIENTS:READ']]])(
    'refuses clients:read to a holder of %j',
    (granted) => {
      expect(() => access.authorise(actor(...granted), 'clients:read')).toThrow(NotPermitted);
    },
  );
});

describe('securityModule', () => {
  it('joins the role definitions of all contexts', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'groundwork-module-'));
    const settings = securitySettings.parse({ environment: 'test', dataDir });
    const container = new Container();
    container.bind<Clock>(Clock).toConstantValue({ now: () => new Date() });
    container.bind<RoleDefinition>(RoleDefinition).toConstantValue({ role: 'viewer', permissions: ['clients:read'] });
    container.bind<RoleDefinition>(RoleDefinition).toConstantValue({ role: 'viewer', permissions: ['sites:read'] });
    container.bind<Resilience>(Resilience).toConstantValue(new PlainResilience());
    await container.load(securityModule(settings));

    const caller = await container
      .get<Authenticator>(Authenticator)
      .authenticate(await issueDevelopmentToken(settings, { role: 'viewer' }));

    expect(() => container.get<Access>(Access).authorise(caller, 'sites:read')).not.toThrow();
    expect(() => container.get<Access>(Access).authorise(caller, 'sites:write')).toThrow(NotPermitted);
    rmSync(dataDir, { recursive: true });
  });
});
