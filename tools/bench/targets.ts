// What each suite must reach at least, or may take at most.
import { ratioName } from './interleaved.ts';
import type { SuiteReport } from './suite.ts';

interface Target {
  readonly suite: string;
  /** As the suite names it. */
  readonly ratio: string;
  readonly bound: 'at least' | 'at most';
  readonly value: number;
}

const target = (suite: string, ratio: string, bound: Target['bound'], value: number): Target => ({
  suite,
  ratio,
  bound,
  value,
});

const LOADS = [10, 100, 1_000].flatMap((events) => [1, 16].map((clients) => `load${events}Events${clients}Clients`));

export const TARGETS: readonly Target[] = [
  target('append', ratioName('append64', 'emmett'), 'at least', 12),
  target('append', ratioName('append64', 'castore'), 'at least', 3.5),
  target('append', ratioName('append64', 'pgbench'), 'at least', 1.4),
  target('append', 'append64P99OfEmmett', 'at most', 0.2),
  target('append', 'append64TwoProcessesOverOne', 'at least', 0.9),
  target('append', ratioName('append1', 'direct call'), 'at least', 0.95),
  target('append', ratioName('append100Events', 'emmett'), 'at least', 1.8),
  ...LOADS.map((load) => target('load', ratioName(load, 'emmett'), 'at least', 3)),
  ...LOADS.map((load) => target('load', ratioName(load, 'prepared SELECT'), 'at least', 0.9)),
  ...[1, 16].map((clients) => target('load', `load1000Events${clients}ClientsFromSnapshotOverAll`, 'at least', 5)),
  target('catch-up', ratioName('catchUp', 'COPY'), 'at least', 0.7),
  target('catch-up', ratioName('catchUp', 'message-db'), 'at least', 2),
  target('project', 'projectOver_emmett', 'at least', 40),
  target('project', 'projectOverStatement', 'at least', 0.25),
  target('relay', ratioName('relay', 'plain amqplib'), 'at least', 0.5),
  target('latency', 'latency500P50Ms', 'at most', 5),
  target('latency', 'latency500P99Ms', 'at most', 25),
  target('cache', ratioName('cachedRead', 'ioredis get'), 'at least', 3),
  target('cache', 'loadsFor256Misses', 'at most', 1),
  // Within 1.2 times, to two decimals.
  target('growth', 'appendLargeOverSmall', 'at least', 0.83),
  target('growth', 'loadLargeOverSmall', 'at least', 0.83),
];

/** A target and what was measured; `isMet` is null where it was not, as without the peers. */
export interface JudgedTarget extends Omit<Target, 'suite'> {
  readonly measured: number | null;
  readonly isMet: boolean | null;
}

export const judged = (suite: string, ratios: SuiteReport['ratios']): readonly JudgedTarget[] =>
  TARGETS.filter((each) => each.suite === suite).map(({ ratio, bound, value }) => {
    const measured = ratios[ratio];
    if (measured === undefined) return { ratio, bound, value, measured: null, isMet: null };
    return { ratio, bound, value, measured, isMet: bound === 'at least' ? measured >= value : measured <= value };
  });

/** A line for each ratio, and one for each target that was not measured. */
export function ratioLines(ratios: SuiteReport['ratios'], targets: readonly JudgedTarget[]): readonly string[] {
  const line = (ratio: string, measured: number | undefined): string => {
    const [of] = targets.filter((each) => each.ratio === ratio);
    const verdict = of?.isMet === null ? 'not measured' : of?.isMet ? 'met' : 'missed';
    return [
      ratio.padEnd(46),
      String(measured ?? '-').padStart(8),
      ...(of === undefined ? [] : [`  ${of.bound} ${of.value}: ${verdict}`]),
    ].join(' ');
  };
  return [
    ...Object.entries(ratios).map(([ratio, measured]) => line(ratio, measured)),
    ...targets.filter(({ isMet }) => isMet === null).map(({ ratio }) => line(ratio, undefined)),
  ];
}
