// Wires who is calling and what they may do.
import { Access, Authenticator, Clock, Resilience, RoleDefinition } from '@groundwork/application';
import { ContainerModule } from 'inversify';
import { GrantedAccess } from './granted-access.ts';
import { JwtAuthenticator } from './jwt-authenticator.ts';
import type { SecuritySettings } from './security.settings.ts';

/** Needs Clock, Resilience and every RoleDefinition that the contexts bind. */
export const securityModule = (settings: SecuritySettings): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bind<Access>(Access).toConstantValue(new GrantedAccess());
    bind<Authenticator>(Authenticator)
      .toResolvedValue(
        (clock: Clock, roles: RoleDefinition[], resilience: Resilience) =>
          new JwtAuthenticator(settings, clock, roles, resilience),
        [Clock, { serviceIdentifier: RoleDefinition, isMultiple: true }, Resilience],
      )
      .inSingletonScope();
  });
