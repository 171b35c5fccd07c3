// Whose data it is. The tenant is an argument of every port and part of every key.
import { Refusal } from './refusal.ts';

declare const tenant: unique symbol;
/** 1 to 63 characters: lower-case letters, digits, `-` and `_`, starting with a letter or digit. */
export type TenantId = string & { readonly [tenant]: true };

const PATTERN = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Reads a tenant id; throws `tenant.malformed`. */
export function parseTenantId(text: string): TenantId {
  if (!PATTERN.test(text)) {
    throw new Refusal(
      'tenant.malformed',
      `"${text.slice(0, 64)}" is not a tenant id.`,
      'Use 1 to 63 of a-z, 0-9, "-" and "_", starting with a letter or digit.',
    );
  }
  return text as TenantId;
}
