// Who is calling, and what they may do. Nothing is permitted that is not granted.
import type { TenantId } from '@groundwork/domain';
import { port } from '../port.ts';

/** `context:action`, such as `clients:read`. */
export type Permission = `${string}:${string}`;

/** Somebody, or some program, whose identity has been proven. */
export interface Actor {
  readonly subject: string;
  readonly tenant: TenantId;
  readonly roles: readonly string[];
  readonly permissions: ReadonlySet<string>;
}

export interface Authenticator {
  /** The actor behind a bearer token; throws NotAuthenticated (`security.…`) for anything that cannot be believed. */
  authenticate(bearerToken: string): Promise<Actor>;
}
export const Authenticator = port<Authenticator>('Authenticator');

export interface Access {
  /** Returns when the actor holds the permission; throws NotPermitted (`security.not-permitted`) otherwise. */
  authorise(actor: Actor, permission: Permission): void;
}
export const Access = port<Access>('Access');

/** A named set of permissions that a context ships, such as `viewer`. */
export interface RoleDefinition {
  readonly role: string;
  readonly permissions: readonly Permission[];
}
export const RoleDefinition = port<RoleDefinition>('RoleDefinition');
