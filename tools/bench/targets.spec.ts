import { describe, expect, it } from '@jest/globals';
import { judged, ratioLines, TARGETS } from './targets.ts';

describe('the targets of a suite', () => {
  it('are met from their value on, and told where they were not measured', () => {
    const verdicts = (of: Readonly<Record<string, number>>) =>
      Object.fromEntries(judged('append', of).map(({ ratio, isMet }) => [ratio, isMet]));
    expect(
      verdicts({
        append64OverEmmett: 12,
        append64OverCastore: 3.49,
        append64P99OfEmmett: 0.2,
        append1OverDirectCall: 2,
      }),
    ).toMatchObject({
      append64OverEmmett: true,
      append64OverCastore: false,
      append64OverPgbench: null,
      append64P99OfEmmett: true,
      append1OverDirectCall: true,
    });
    expect(verdicts({ append64P99OfEmmett: 0.21 })).toMatchObject({ append64P99OfEmmett: false });
  });

  it('stand beside the ratios', () => {
    const ratios = { projectOverStatement: 0.2, other: 1 };
    const lines = ratioLines(ratios, judged('project', ratios)).map((line) => line.replaceAll(/ +/g, ' '));
    expect(lines).toEqual([
      'projectOverStatement 0.2 at least 0.25: missed',
      'other 1',
      'projectOver_emmett - at least 40: not measured',
    ]);
  });

  it('are one for each ratio', () => {
    const names = TARGETS.map(({ suite, ratio }) => `${suite} ${ratio}`);
    expect(new Set(names).size).toBe(names.length);
  });
});
