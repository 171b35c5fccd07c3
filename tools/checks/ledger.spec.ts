// Sees that an id counts only when every test that carries it has passed, and that no test carries an unknown id.
import { describe, expect, it } from '@jest/globals';
import { idsOf, ledgerOf, namedIds, systems, type TestResult } from './ledger.ts';

const system = { system: 'S9', title: 'Example', numbers: ['01', '02', '03', '04', '05'] };
const test = (title: string, status: string, ...ancestorTitles: string[]): TestResult => ({
  ancestorTitles,
  title,
  status,
});

describe('the ledger', () => {
  it('counts an id as proven when all tests that carry it have passed', () => {
    const results = [
      test('S9-01 stores', 'passed'),
      test('S9-01 S9-02 stores twice', 'passed'),
      test('S9-02 forgets', 'failed'),
      test('S9-03 waits for a service', 'pending'),
      test('inside', 'passed', 'S9-04 a describe'),
    ];
    const [ledger] = ledgerOf([system], results, new Set(['S9-05']));
    expect(ledger).toMatchObject({ proven: 2, total: 5 });
    expect(ledger!.ids).toEqual({
      'S9-01': 'proven',
      'S9-02': 'failing',
      'S9-03': 'not-run',
      'S9-04': 'proven',
      'S9-05': 'not-run',
    });
  });

  it('leaves an id open that no test names', () => {
    expect(ledgerOf([system], [], new Set())[0]!.ids['S9-01']).toBe('open');
  });

  it('reads ids at the start of a name only', () => {
    expect(idsOf('S9-12 S9-13, S9-67: rebuilds')).toEqual(['S9-12', 'S9-13', 'S9-67']);
    expect(idsOf('answers like S9-12')).toEqual([]);
  });

  it('knows the 371 ids of the five systems', () => {
    expect(systems().map(({ numbers }) => numbers.length)).toEqual([75, 76, 72, 86, 62]);
  });

  it('finds no test with an id that does not exist', () => {
    const known = new Set(systems().flatMap(({ system, numbers }) => numbers.map((number) => `${system}-${number}`)));
    const unknown = [...namedIds()].filter(([id]) => !known.has(id) && !id.startsWith('S9-'));
    expect(unknown).toEqual([]);
  });
});
