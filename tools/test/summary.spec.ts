import { describe, expect, it } from '@jest/globals';
import { refusedSkips, resultsOfAll, summaryOf, type JestResults } from './summary.ts';

const results = (changes: Partial<JestResults> = {}): JestResults => ({
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 1,
  numTodoTests: 1,
  testResults: [],
  ...changes,
});

const failed = { status: 'failed', fullName: 'a' };
const file = (...tests: [status: string, fullName: string][]): JestResults['testResults'][number] => ({
  status: 'passed',
  assertionResults: tests.map(([status, fullName]) => ({ status, fullName })),
});

describe('runs that follow each other', () => {
  it('count together, and count for nothing when one has left no results', () => {
    const [first, second] = [results({ testResults: [file(['passed', 'a'])] }), results({ numFailedTests: 2 })];
    expect(resultsOfAll([first, second])).toEqual({
      numPassedTests: 6,
      numFailedTests: 2,
      numPendingTests: 2,
      numTodoTests: 2,
      testResults: first.testResults,
    });
    expect(resultsOfAll([first, undefined])).toBeUndefined();
  });
});

describe('where nothing may be missing', () => {
  const collected = 'inputs collected from other projects are read';
  it('a skipped test is refused, unless its inputs or its tool are none that this machine could install', () => {
    const testResults = [
      file(
        ['passed', 'store appends'],
        ['pending', collected],
        ['pending', 'counters give the same ratio to Prometheus itself'],
      ),
      file(['pending', 'store survives a restart of PostgreSQL'], ['todo', 'store is fast']),
    ];
    const refused = refusedSkips(results({ testResults }));

    expect(refused).toEqual(['store survives a restart of PostgreSQL', 'store is fast']);
    expect(summaryOf(results({ numPendingTests: 3, testResults }), 0, refused)).toEqual({
      passed: 3,
      failed: 2,
      skipped: 2,
    });
  });

  it('nothing is refused when nothing is skipped', () => {
    expect(refusedSkips(results({ testResults: [file(['passed', 'store appends'])] }))).toEqual([]);
    expect(refusedSkips(undefined)).toEqual([]);
  });
});

describe('the summary of a test run', () => {
  it('counts passed, failed and skipped tests', () => {
    const testResults = [{ status: 'failed', assertionResults: [failed, failed] }];
    expect(summaryOf(results({ numFailedTests: 2, testResults }), 1)).toEqual({ passed: 3, failed: 2, skipped: 2 });
  });

  it('counts a file that could not run as a failure', () => {
    expect(summaryOf(results({ testResults: [{ status: 'failed', assertionResults: [] }] }), 1).failed).toBe(1);
  });

  it('counts a file whose teardown failed after its tests had passed', () => {
    expect(
      summaryOf(
        results({ testResults: [{ status: 'failed', assertionResults: [{ status: 'passed', fullName: 'a' }] }] }),
        1,
      ).failed,
    ).toBe(1);
  });

  it('never calls a run green that ended badly or left no results', () => {
    expect(summaryOf(results(), 1).failed).toBe(1);
    expect(summaryOf(undefined, 0).failed).toBe(1);
  });
});
