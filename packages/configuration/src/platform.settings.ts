// Every setting of the platform: what each package owns, and what the two programs share.
import { setting, wholeNumberSetting } from '@groundwork/application';
import { cachingSettings } from '@groundwork/caching';
import { messagingSettings } from '@groundwork/messaging';
import { monitoringSettings } from '@groundwork/monitoring';
import { persistenceSettings } from '@groundwork/persistence';
import { resilienceSettings } from '@groundwork/resilience';
import { securitySettings } from '@groundwork/security';
import { z } from 'zod';
import { settingsGroupsOf, type Contexts, type ContextSettings } from './contexts.ts';
import { settingsFrom, type Environment, type ProductionRules, type SettingsOf } from './read-settings.ts';

// api and worker are started with one environment, so each has to know the other's variables.
const httpSettings = z.object({
  port: wholeNumberSetting(0, 65_535, 4000, {
    variable: 'PORT',
    description: 'Where the api answers; 0 takes any free port.',
  }),
  host: setting(z.string().min(1).optional(), {
    variable: 'GW_HOST',
    description: 'The address the api listens on; by default 127.0.0.1, in production 0.0.0.0.',
    allowed: 'an IP address or host name',
  }),
  docs: setting(z.stringbool({ truthy: ['on'], falsy: ['off'] }).optional(), {
    variable: 'GW_HTTP_DOCS',
    description: 'Whether /openapi.json, /asyncapi.json and /docs are served; by default on, in production off.',
    allowed: 'on, off',
  }),
});

const processSettings = z.object({
  graceMs: wholeNumberSetting(100, 600_000, 25_000, {
    variable: 'GW_STOP_GRACE_MS',
    description: 'How long a program that is told to stop may finish what it has begun.',
  }),
  stuckAfterMs: wholeNumberSetting(1_000, 3_600_000, 30_000, {
    variable: 'GW_STUCK_AFTER_MS',
    description: 'A program whose event loop has stood still for this long is ended, so that it can be started again.',
  }),
});

const workerSettings = z.object({
  slices: wholeNumberSetting(1, 64, 4, {
    variable: 'GW_WORKER_SLICES',
    description: 'Into how many slices a new projection is divided: so many can be worked on at once.',
  }),
  // Per event a batch of 2,000 costs the server two thirds of one of 500; from there on it only takes more memory.
  batchSizeMax: wholeNumberSetting(1, 10_000, 2_000, {
    variable: 'GW_WORKER_BATCH_SIZE_MAX',
    description: 'How many events take effect in one transaction at most.',
  }),
  commandsMax: wholeNumberSetting(1, 1_000, 32, {
    variable: 'GW_WORKER_COMMANDS_MAX',
    description: 'How many commands a worker runs at the same time.',
  }),
  leaseMs: wholeNumberSetting(1_000, 600_000, 5_000, {
    variable: 'GW_WORKER_LEASE_MS',
    description: 'After this long without a sign of life another worker takes over a slice of a projection.',
  }),
  commandLeaseMs: wholeNumberSetting(1_000, 3_600_000, 10_000, {
    variable: 'GW_WORKER_COMMAND_LEASE_MS',
    description: 'After this long without a sign of life another worker runs again the commands that a worker held.',
  }),
  commandAttemptsMax: wholeNumberSetting(1, 1_000, 10, {
    variable: 'GW_WORKER_COMMAND_ATTEMPTS_MAX',
    description: 'How often a command may meet errors that nobody foresaw, or end its worker, before it fails.',
  }),
  pollIntervalMs: wholeNumberSetting(10, 60_000, 1_000, {
    variable: 'GW_WORKER_POLL_INTERVAL_MS',
    description: 'How long a worker waits at most before it looks for work again; notifications only shorten it.',
  }),
  ownersLostMax: wholeNumberSetting(3, 1_000, 25, {
    variable: 'GW_WORKER_OWNERS_LOST_MAX',
    description: 'How many workers in a row may be lost over one event of a projection before its stream is parked.',
  }),
  handlerTimeoutMs: wholeNumberSetting(50, 60_000, 500, {
    variable: 'GW_WORKER_HANDLER_TIMEOUT_MS',
    description:
      'How long the handler of one event may take before it is ended and tried again; everything else in the process ' +
      'stands still meanwhile, so keep it well below `GW_WORKER_LEASE_MS`. It also holds in the api, for rows that are ' +
      'stored with the append.',
  }),
  relayStart: setting(z.enum(['beginning', 'now']).default('beginning'), {
    variable: 'GW_RELAY_START',
    description:
      'Where a relay begins that has not run before, as behind a new destination: with the first event of the log, or ' +
      'with those that come from now on. One that has run goes on where it was.',
    allowed: 'beginning, now',
  }),
  pumps: setting(z.stringbool({ truthy: ['on'], falsy: ['off'] }).optional(), {
    variable: 'GW_PUMPS',
    description:
      'Whether subscribers hear of new events through pumps, which forget what they have not delivered when the ' +
      'process ends; by default on, in production off.',
    allowed: 'on, off',
  }),
  stalledAfterMs: wholeNumberSetting(1_000, 3_600_000, 30_000, {
    variable: 'GW_WORKER_STALLED_AFTER_MS',
    description: 'A loop without a sign of life for this long, or without progress while the log grows, is an alarm.',
  }),
});

export const platformSettings = {
  process: processSettings,
  http: httpSettings,
  worker: workerSettings,
  monitoring: monitoringSettings,
  resilience: resilienceSettings,
  persistence: persistenceSettings,
  caching: cachingSettings,
  messaging: messagingSettings,
  security: securitySettings,
};
export type PlatformSettings = SettingsOf<typeof platformSettings>;
export type WorkerSettings = PlatformSettings['worker'];

const productionRules: ProductionRules = {
  DATABASE_URL: (url) =>
    url === undefined ? 'is missing: production keeps its events in a PostgreSQL database of yours.' : undefined,
  GW_STORE: (store) =>
    store === 'memory' ? 'is unsafe in production: memory forgets every event at the end.' : undefined,
};

/**
 * The settings of platform and contexts from the environment; throws Misconfigured `settings.invalid` with all that
 * is wrong. Every app lists every context, because a variable that none of them reads is refused.
 */
export const readSettings = <Listed extends Contexts = Record<never, never>>(
  env: Environment,
  contexts: Listed = {} as Listed,
): PlatformSettings & ContextSettings<Listed> =>
  settingsFrom(env, { ...settingsGroupsOf(contexts), ...platformSettings }, productionRules) as never;
