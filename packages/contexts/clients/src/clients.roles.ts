// What one has to be allowed to do with clients, and who is by default.
import type { Permission, RoleDefinition } from '@groundwork/application';

export const READ: Permission = 'clients:read';
export const MANAGE: Permission = 'clients:manage';
export const INGEST: Permission = 'clients:ingest';
/** Original payloads hold everything that Salesforce knows; without this permission nothing shows them. */
export const DEBUG: Permission = 'clients:debug';

export const clientsRoles: readonly RoleDefinition[] = [
  { role: 'viewer', permissions: [READ] },
  { role: 'operator', permissions: [READ, MANAGE] },
  { role: 'ingest', permissions: [INGEST] },
  { role: 'developer', permissions: [READ, MANAGE, INGEST, DEBUG] },
  { role: 'admin', permissions: [READ, MANAGE, INGEST, DEBUG] },
];
