// Checks what the contexts offer before the port opens.
import { Misconfigured, type Endpoint, type EndpointPermission } from '@groundwork/application';

const PATH = /^\/v1(\/(:?[A-Za-z][A-Za-z0-9-]*))+$/;
const OPEN_TO_MANY: readonly string[] = ['authenticated', 'public'] satisfies EndpointPermission[];
const PERMISSION = /^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$/;

/**
 * Throws Misconfigured: `api.endpoint-without-permission`, `api.endpoint-declared-twice` (also when only the names of
 * the parameters differ) and `api.endpoint-path`.
 */
export function refuseUnmountable(endpoints: readonly Endpoint[]): void {
  const seen = new Map<string, string>();
  for (const { method, path, permission } of endpoints) {
    const name = `${method} ${path}`;
    if (!isPermission(permission)) {
      throw new Misconfigured(
        'api.endpoint-without-permission',
        `${name} does not say who may use it.`,
        "Give it a permission such as 'clients:read', or say 'authenticated' or 'public'.",
      );
    }
    if (!PATH.test(path)) {
      throw new Misconfigured(
        'api.endpoint-path',
        `${name} is not a path under /v1.`,
        'Write it like /v1/clients/:id.',
      );
    }
    const route = `${method} ${path.replaceAll(/:[^/]+/g, ':')}`;
    const other = seen.get(route);
    if (other !== undefined) {
      throw new Misconfigured(
        'api.endpoint-declared-twice',
        `${name} and ${other} are the same route.`,
        'Change the path of one.',
      );
    }
    seen.set(route, name);
  }
}

const isPermission = (permission: unknown): permission is EndpointPermission =>
  typeof permission === 'string' && (OPEN_TO_MANY.includes(permission) || PERMISSION.test(permission));
