// Default deny: what no role of the actor grants is refused.
import { NotPermitted, type Access, type Actor, type Permission } from '@groundwork/application';

export class GrantedAccess implements Access {
  authorise(actor: Actor, permission: Permission): void {
    if (actor.permissions.has(permission)) return;
    throw new NotPermitted(
      'security.not-permitted',
      `This needs the permission ${permission}, which none of the caller's roles grants.`,
      `Ask for a role that grants ${permission}.`,
      { permission },
    );
  }
}
