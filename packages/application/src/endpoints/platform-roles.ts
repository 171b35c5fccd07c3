// Who may look at the platform itself, and who may change how it runs.
import type { Permission, RoleDefinition } from '../ports/access.ts';

export const READ: Permission = 'platform:read';
/** For what touches the caller's own tenant only. */
export const OPERATE: Permission = 'platform:operate';
/** For what all tenants share: it cannot be done for one of them alone. */
export const OPERATE_INSTALLATION: Permission = 'installation:operate';
/** Events and commands hold what people sent; without this permission they are shown without it. */
export const READ_PAYLOADS: Permission = 'platform:read-payloads';

export const platformRoles: readonly RoleDefinition[] = [
  { role: 'viewer', permissions: [READ] },
  { role: 'operator', permissions: [READ, OPERATE] },
  { role: 'developer', permissions: [READ, OPERATE, READ_PAYLOADS] },
  { role: 'admin', permissions: [READ, OPERATE, READ_PAYLOADS] },
  // No role of a tenant includes this one; the issuer of the tokens grants it to those who run the installation.
  { role: 'installation-operator', permissions: [READ, OPERATE_INSTALLATION] },
];
