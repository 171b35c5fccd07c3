import { describe, expect, it } from '@jest/globals';
import { ratioName } from './interleaved.ts';
import { tpsOf } from './pgbench.ts';

describe('the figures of others', () => {
  it('stand under names that programs can read', () => {
    expect(ratioName('append64', 'message-db')).toBe('append64OverMessageDb');
    expect(ratioName('load10', 'prepared SELECT')).toBe('load10OverPreparedSELECT');
  });

  it('are read from what pgbench says, and nothing else is taken for a rate', () => {
    const output = 'initial connection time = 12.345 ms\ntps = 17292.153507 (without initial connection time)\n';
    expect(tpsOf(output)).toBe(17_292.153507);
    expect(() => tpsOf('number of transactions actually processed: 0')).toThrow('pgbench said no rate');
  });
});
