// What keys are called in Redis: the tenant is in every one, and nothing that a key holds can lead into another space.
import type { CacheSpace } from '@groundwork/application';

/** All that caches keep in Redis begins with this. */
export const REDIS_PREFIX = 'gw:';

const BESIDE = [':lock', ':held', ':tags'];
const SAFE = /^[\w.-]*$/;

/** `gw:{tenant}:{cache}:{key}`; beside it stand the lease, the value that a lease hides, and its tags. */
export const valueKey = (space: CacheSpace, key: string): string => spacePrefix(space) + escaped(key);
export const besideKeys = (value: string): string[] => BESIDE.map((name) => value + name);
export const tagKey = (space: CacheSpace, tag: string): string => `${spacePrefix(space)}:${escaped(tag)}`;

/** Matches at least everything of a space whose key begins with `prefix`. */
export const scanPattern = (space: CacheSpace, prefix: string): string =>
  `${spacePrefix(space)}${escaped(prefix).replaceAll('*', '\\*')}*`;

/** Matches the values of a cache, over all tenants, and what stands beside them. */
export const cachePattern = (cache: string): string => `${REDIS_PREFIX}*:${cache}:*`;

/** Of a key in Redis: the key of the cache, and whether it is the value itself; undefined for tags. */
export function keyParts(redisKey: string): { readonly key: string; readonly isValue: boolean } | undefined {
  const [, , , key, beside, ...others] = redisKey.split(':');
  if (key === undefined || key === '' || others.length > 0) return undefined;
  return { key: decodeURIComponent(key), isValue: beside === undefined };
}

export const spacePrefix = ({ tenant, cache }: CacheSpace): string => `${REDIS_PREFIX}${tenant}:${cache}:`;

const escaped = (text: string): string => (SAFE.test(text) ? text : encodeURIComponent(text));
