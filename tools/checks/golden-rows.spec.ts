// A projection whose result has changed says so by its schema version.
import type { Projection } from '@groundwork/application';
import { describe, expect, it } from '@jest/globals';
import { goldenRows, rowsAfter } from './golden-rows.ts';

describe('the projections of the product', () => {
  it('S1-75 make the golden rows of their schema version of a frozen log that holds all their event types', async () => {
    const found = await goldenRows();
    expect(found.length).toBeGreaterThan(0);
    for (const { projection, file, golden, rows, missingTypes } of found) {
      expect([projection.name, missingTypes]).toEqual([projection.name, []]);
      // No golden rows: write them with the command that the file of this check names. Other rows: raise schemaVersion.
      expect({ file, rows: JSON.parse(rows) as unknown }).toEqual({ file, rows: JSON.parse(golden ?? 'null') as unknown });
      expect(rows).toBe(golden);
    }
  });

  it('S1-75 are caught when they make other rows of the same log', async () => {
    for (const { projection, events, golden } of await goldenRows()) {
      const column = Object.keys(projection.table.columns).find((name) => name !== projection.table.key)!;
      const apply: Projection['apply'] = (row, event) => {
        const after = projection.apply(row, event);
        return after && { ...after, [column]: 'another value' };
      };
      expect(rowsAfter(projection, events)).toBe(golden);
      expect(rowsAfter({ ...projection, apply }, events)).not.toBe(golden);
    }
  });
});
