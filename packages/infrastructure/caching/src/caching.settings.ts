// What can be set about caches.
import { setting, wholeNumberSetting } from '@groundwork/application';
import { z } from 'zod';

const NAME = /^[a-z][a-z0-9-]{0,62}$/;

export const cachingSettings = z.object({
  strategy: setting(z.string().regex(NAME).optional(), {
    variable: 'GW_CACHE_STRATEGY',
    description:
      'How caches keep their values: `two-level` is Redis with the memory of the process in front of it. By default ' +
      'two-level where REDIS_URL is set, and otherwise memory.',
    allowed: 'none, memory, redis, two-level, or the name that a module gives a strategy of its own',
  }),
  strategies: setting(
    z
      .string()
      .regex(/^[a-z][a-z0-9-]*=[a-z][a-z0-9-]*(,[a-z][a-z0-9-]*=[a-z][a-z0-9-]*)*$/)
      .transform((text) => Object.fromEntries(text.split(',').map((pair) => pair.split('=') as [string, string])))
      .optional(),
    {
      variable: 'GW_CACHE_STRATEGIES',
      description: 'The strategies of single caches, such as `clients=memory`.',
      allowed: 'cache=strategy, separated by commas',
    },
  ),
  staleMsMax: wholeNumberSetting(0, 60_000, 100, {
    variable: 'GW_CACHE_STALE_MS_MAX',
    description:
      'How much older than the read model itself a cached read of it may be; 0 looks at the database before each read.',
  }),
  ttlSeconds: wholeNumberSetting(1, 31_536_000, 3_600, {
    variable: 'GW_CACHE_TTL_SECONDS',
    description: 'How long a value is kept when neither its cache nor its writer says otherwise.',
  }),
  ttlJitterPercent: wholeNumberSetting(0, 90, 10, {
    variable: 'GW_CACHE_TTL_JITTER_PERCENT',
    description: 'By how much of it at most that time is shortened by chance, so that not everything ends at once.',
  }),
  entriesMax: wholeNumberSetting(1, 10_000_000, 10_000, {
    variable: 'GW_CACHE_ENTRIES_MAX',
    description: 'How many values the memory of a process keeps; those that were not used for longest make room.',
  }),
  megabytesMax: wholeNumberSetting(1, 65_536, 64, {
    variable: 'GW_CACHE_MEGABYTES_MAX',
    description: 'How much memory these values may take in a process, in megabytes.',
  }),
});

export type CachingSettings = z.output<typeof cachingSettings>;
