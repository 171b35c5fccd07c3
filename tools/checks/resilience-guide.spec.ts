// Follows the guide on resilience patterns in a copy of the package from which the bulkhead was taken out.
import { expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readText, root } from './workspace.ts';

const PACKAGE = 'packages/infrastructure/resilience/src/';
const REGION = /^ *\/\/ #region (bulkhead\S*)\n.*?^ *\/\/ #endregion\n/gms;

/** One call may run, and one may wait. */
const SET = 'concurrentMax=1,waitingMax=1';

// Three calls, with what is set about EventBridge, and with nothing else set.
const PROBE = `
  import { DependencyPolicies } from './dependency-policies.ts';
  import { policySettingsOf, resilienceSettings } from './resilience.settings.ts';
  const nothing = Object.fromEntries(Object.keys(resilienceSettings.shape).map((dependency) => [dependency, '']));
  const settings = policySettingsOf(resilienceSettings.parse({ ...nothing, eventbridge: process.argv[2] }));
  const shown = new Map();
  const instrument = (name) => ({ add: () => shown.set(name, 'counted'), set: () => shown.set(name, 'shown') });
  const metrics = { counter: instrument, gauge: instrument, histogram: instrument };
  const policy = new DependencyPolicies(settings, metrics, console).policyFor('eventbridge');
  const calls = await Promise.allSettled([1, 2, 3].map(() => policy.execute(async () => 'ok')));
  console.log(calls.map(({ value, reason }) => value ?? reason.code).join(' '));
  console.log([...shown.keys()].filter((name) => /bulkhead|rejected/.test(name)).join(' '));`;

it('S3-68 whoever follows the guide gets a bulkhead with settings, metrics and an error of its own', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gw-resilience-guide-'));
  try {
    const copy = join(folder, 'src');
    cpSync(join(root, PACKAGE), copy, { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(copy, 'probe.ts'), PROBE);
    const steps = [
      ...readText('docs/guides/add-a-resilience-pattern.md').matchAll(/<!-- (\S+) -->\n+```ts\n(.*?)```/gs),
    ]
      .map(([, source, code]) => ({ source: source!, code: code! }))
      .filter(({ source }) => source.startsWith(PACKAGE) && !source.includes('.spec.'));
    const files = [...new Set(steps.map(({ source }) => source.slice(PACKAGE.length).split('#')[0]!))];
    expect(files).toEqual(['resilience.settings.ts', 'patterns/bulkhead.ts', 'dependency-policies.ts']);

    const whole = new Map(files.map((file) => [file, readFileSync(join(copy, file), 'utf8')]));
    for (const [file, text] of whole) writeFileSync(join(copy, file), text.replaceAll(REGION, ''));
    rmSync(join(copy, 'patterns/bulkhead.ts'));
    expect(run(copy, SET)).toMatch(/concurrentMax is none of attemptsMax/);
    expect(run(copy, '')).toBe('ok ok ok\n\n');

    const codeOf = (file: string, region?: string): string =>
      steps.find(({ source }) => source === PACKAGE + file + (region === undefined ? '' : `#${region}`))!.code;
    for (const [file, text] of whole) {
      const isWhole = steps.some(({ source }) => source === PACKAGE + file);
      const followed = isWhole ? codeOf(file) : text.replaceAll(REGION, (_, region: string) => codeOf(file, region));
      writeFileSync(join(copy, file), followed);
    }
    expect(run(copy, SET)).toBe(
      'ok ok resilience.bulkhead-full\ngroundwork_resilience_bulkhead_calls groundwork_resilience_rejected_total\n',
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 30_000);

/** What the probe says, or what it fails with. */
function run(folder: string, eventbridge: string): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['probe.ts', eventbridge], {
    cwd: folder,
    encoding: 'utf8',
  });
  return status === 0 ? stdout : stderr;
}
