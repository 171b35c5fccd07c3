// Rows that follow from events without a store: whole events or none.
import { describe, expect, it } from '@jest/globals';
import { newLoggedEvent, newStream, newTenant } from '@groundwork/testing';
import { EventTypes } from '../events/event-types.ts';
import type { Projection } from './projection.ts';
import { replay } from './replay.ts';

/** A delivery of the first schema held its boxes, which are events of their own today. */
const types = new EventTypes([
  {
    type: 'BoxCame',
    schemaVersion: 2,
    upcasters: {
      1: {
        into: { BoxCame: 2 },
        split: (data) => (data as readonly string[]).map((box) => ({ type: 'BoxCame', data: box })),
      },
    },
  },
  { type: 'DoorOpened', schemaVersion: 1 },
]);

/** One row for each kind of box: how many have come. */
const boxes: Projection = {
  name: 'store.boxes',
  schemaVersion: 1,
  table: { schema: 'store', name: 'box', columns: { kind: 'text', count: 'integer' }, key: 'kind' },
  eventTypes: ['BoxCame'],
  keyOf: ({ data }) => data as string,
  apply(row, { data }) {
    if (data === 'broken') throw new TypeError('cannot count it');
    return { kind: data, count: Number(row?.['count'] ?? 0) + 1 };
  },
};

const [tenant, stream] = [newTenant(), newStream('store')];
const came = (streamVersion: number, kinds: readonly string[]) =>
  newLoggedEvent({ tenant, stream, streamVersion, type: 'BoxCame', dataText: JSON.stringify(kinds) }, types);

describe('replay', () => {
  it('folds the parts of an event in order, each into its row', () => {
    const rows = replay(boxes, [came(1, ['small', 'large', 'small']), came(2, ['large'])]);
    expect([...rows.values()]).toEqual([
      { kind: 'small', count: 2 },
      { kind: 'large', count: 2 },
    ]);
  });

  it('leaves every row as it was when one part cannot be applied, or when nothing is left of an event', () => {
    const rows = replay(boxes, [
      came(1, ['small']),
      came(2, ['small', 'large', 'broken']),
      came(3, []),
      came(4, ['large']),
    ]);
    expect([...rows.values()]).toEqual([
      { kind: 'small', count: 1 },
      { kind: 'large', count: 1 },
    ]);
  });

  it('goes on with the rows it is given, and passes over events of other types', () => {
    const rows = replay(boxes, [came(1, ['small'])]);
    const opened = newLoggedEvent({ tenant, stream, streamVersion: 2, type: 'DoorOpened', dataText: 'null' }, types);
    expect([...replay(boxes, [opened, came(3, ['small'])], rows).values()]).toEqual([{ kind: 'small', count: 2 }]);
  });
});
