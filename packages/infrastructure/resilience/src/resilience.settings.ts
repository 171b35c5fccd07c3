// What can be set about calls to each dependency: one variable for each, and in it only what shall differ.
import { exponential, setting, type PolicySettings } from '@groundwork/application';
import { z } from 'zod';

/** As it is written in a variable: `timeoutMs=2000,attemptsMax=3`. */
export type PolicyNumbers = Readonly<Record<keyof typeof LIMITS, number>>;

const LIMITS = {
  attemptsMax: [1, 1_000],
  retryDelayMs: [0, 600_000],
  retryDelayMaxMs: [0, 3_600_000],
  retryWithinMs: [0, 3_600_000],
  breakerFailuresMax: [0, 1_000],
  breakerOpenMs: [1, 3_600_000],
  breakerProbesMax: [1, 100],
  timeoutMs: [0, 3_600_000],
  // #region bulkhead-limits
  concurrentMax: [0, 100_000],
  waitingMax: [0, 1_000_000],
  // #endregion
} as const satisfies Record<string, readonly [min: number, max: number]>;

// Half of each delay is drawn by lot: who failed together does not come again together.
const JITTER = 0.5;

/** What holds for a dependency that nobody has set anything about. */
export const POLICY_DEFAULTS: PolicyNumbers = {
  attemptsMax: 3,
  retryDelayMs: 1_000,
  retryDelayMaxMs: 30_000,
  retryWithinMs: 60_000,
  breakerFailuresMax: 5,
  breakerOpenMs: 10_000,
  breakerProbesMax: 1,
  timeoutMs: 10_000,
  // #region bulkhead-defaults
  concurrentMax: 100,
  waitingMax: 1_000,
  // #endregion
};

/** Where it has to be different. */
const PRESETS = {
  // Connections are made this way, and health is asked for. The pool limits the number. Who needs a connection waits
  // for a PostgreSQL that is started again, which the breaker has to be the first to notice: time ends the attempts.
  postgres: {
    ...POLICY_DEFAULTS,
    attemptsMax: 50,
    retryDelayMs: 50,
    retryDelayMaxMs: 250,
    retryWithinMs: 2_000,
    breakerFailuresMax: 20,
    breakerOpenMs: 500,
    timeoutMs: 5_000,
    concurrentMax: 0,
  },
  // Who asks for a token's key waits for the answer.
  keys: { ...POLICY_DEFAULTS, attemptsMax: 2, retryDelayMs: 100, retryWithinMs: 2_500, timeoutMs: 2_500 },
  // What a cache does not answer at once is loaded. In order it takes a thousandth of the time.
  cache: { ...POLICY_DEFAULTS, attemptsMax: 1, breakerOpenMs: 1_000, timeoutMs: 100, concurrentMax: 0 },
  // Whoever publishes in order asks again by itself, and should not wait long once it answers again.
  eventbridge: {
    ...POLICY_DEFAULTS,
    retryDelayMs: 200,
    retryDelayMaxMs: 5_000,
    breakerFailuresMax: 10,
    breakerOpenMs: 5_000,
    concurrentMax: 20,
  },
} as const satisfies Record<string, PolicyNumbers>;

type Dependency = keyof typeof PRESETS;

const policySetting = (dependency: Dependency, called: string) =>
  setting(
    z
      .string()
      .default(textOf(PRESETS[dependency]))
      .superRefine((text, issues) => {
        for (const message of faultsIn(text)) issues.addIssue({ code: 'custom', message });
      }),
    {
      variable: `GW_RESILIENCE_${dependency.toUpperCase()}`,
      description: `How ${called} is called: attempts, breaker, time and number of calls. Name only what shall differ.`,
      allowed: 'a comma-separated list of name=number',
    },
  );

export const resilienceSettings = z.object({
  postgres: policySetting('postgres', 'PostgreSQL, where connections are made and its health is asked for,'),
  keys: policySetting('keys', "the address of the issuer's keys"),
  cache: policySetting('cache', 'Redis as a cache'),
  eventbridge: policySetting('eventbridge', 'EventBridge'),
});

export type ResilienceSettings = z.output<typeof resilienceSettings>;

/** The policy of each dependency; one without a setting has POLICY_DEFAULTS. */
export const policySettingsOf =
  (settings: ResilienceSettings) =>
  (dependency: string): PolicySettings => {
    const isSet = Object.hasOwn(PRESETS, dependency);
    const preset = isSet ? PRESETS[dependency as Dependency] : POLICY_DEFAULTS;
    const given = isSet ? Object.fromEntries(entriesOf(settings[dependency as Dependency])) : {};
    const { retryDelayMs, retryDelayMaxMs, ...others }: PolicyNumbers = { ...preset, ...given };
    return {
      ...others,
      retryDelay: exponential({ initialMs: retryDelayMs, maxMs: retryDelayMaxMs, jitter: JITTER }),
    };
  };

function* faultsIn(text: string): Generator<string> {
  for (const [name, value] of entriesOf(text)) {
    const limits = Object.hasOwn(LIMITS, name) ? LIMITS[name as keyof typeof LIMITS] : undefined;
    if (limits === undefined) yield `${name} is none of ${Object.keys(LIMITS).join(', ')}`;
    else if (!Number.isInteger(value) || value < limits[0] || value > limits[1]) {
      yield `${name} takes a whole number from ${limits[0]} to ${limits[1]}`;
    }
  }
}

const entriesOf = (text: string): readonly (readonly [name: string, value: number])[] =>
  text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [name = '', value = ''] = part.split('=').map((word) => word.trim());
      return [name, /^\d+$/.test(value) ? Number(value) : NaN];
    });

function textOf(numbers: PolicyNumbers): string {
  return Object.entries(numbers)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}
