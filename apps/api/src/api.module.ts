// What the api brings along whatever contexts it carries: the platform's own roles.
import { platformRoles, RoleDefinition } from '@groundwork/application';
import { ContainerModule } from 'inversify';

export const apiModule = new ContainerModule(({ bind }) => {
  for (const role of platformRoles) bind<RoleDefinition>(RoleDefinition).toConstantValue(role);
});
