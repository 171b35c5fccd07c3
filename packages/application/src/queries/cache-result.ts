// Wraps a function so that what it gives for the same arguments is kept, tenant by tenant.
import type { CodedError, TenantId } from '@groundwork/domain';
import { commandErrorOf, errorOfCommand, isAnswer } from '../commands/command-error.ts';
import { exactTextOf } from '../exact-text.ts';
import type { Cache, CacheOptions } from '../ports/cache.ts';
import type { CommandError } from '../ports/command-store.ts';

export interface CachedResult<Args extends readonly unknown[]> extends Pick<CacheOptions, 'ttlSeconds'> {
  /** Names the results among all that a cache holds. */
  readonly name: string;
  readonly tags?: (...args: Args) => readonly string[];
  /** Which answers that are errors (refusals, NotFound …) are kept as well, for the next who asks; none unless told. */
  readonly keepsError?: (error: CodedError) => boolean;
}

/** One key for the same name and the same arguments: `1`, `'1'` and `1n` are different. */
export const cacheKey = (name: string, ...args: readonly unknown[]): string =>
  `${name}(${args.map((arg) => exactTextOf(arg)).join(',')})`;

/**
 * The function with a tenant in front, which is in every key. Of all who ask at once it is called once. Throws
 * InvalidInput `cache.value-refused` for arguments and results that cannot be kept as they are.
 */
export function cacheResult<Args extends readonly unknown[], Result>(
  cache: Cache,
  work: (tenant: TenantId, ...args: Args) => Promise<Result>,
  { name, tags, keepsError, ...options }: CachedResult<Args>,
): (tenant: TenantId, ...args: Args) => Promise<Result> {
  return async (tenant, ...args) => {
    const tagged = tags === undefined ? {} : { tags: tags(...args) };
    const load = async (): Promise<Outcome<Result>> => {
      try {
        return { result: await work(tenant, ...args) };
      } catch (error) {
        if (isAnswer(error) && keepsError?.(error)) return { error: commandErrorOf(error) };
        throw error;
      }
    };
    const outcome = await cache.remember(tenant, cacheKey(name, ...args), load, { ...options, ...tagged });
    if ('error' in outcome) throw errorOfCommand(outcome.error);
    return outcome.result;
  };
}

type Outcome<Result> = { readonly result: Result } | { readonly error: CommandError };
