// How much time the handlers of a projection have whose rows are stored with the append.
import { describe, expect, it } from '@jest/globals';
import { newLoggedEvent, newStream, newTenant, VmTimeLimit } from '@groundwork/testing';
import { EventTypes } from '../events/event-types.ts';
import { InlineChange, inlineProjection } from './inline-projection.ts';
import type { Projection } from './projection.ts';

const TIMEOUT_MS = 500;
const types = new EventTypes([{ type: 'BoxCame', schemaVersion: 1 }]);
const [tenant, stream] = [newTenant(), newStream('store')];
const came = (streamVersion: number, takesMs: number) =>
  newLoggedEvent({ tenant, stream, streamVersion, type: 'BoxCame', dataText: JSON.stringify(takesMs) }, types);

const boxes = inlineProjection({
  name: 'store.boxes',
  schemaVersion: 1,
  table: {
    schema: 'store',
    name: 'box',
    columns: { id: 'text', count: 'integer', stream_version: 'bigint' },
    key: 'id',
  },
  eventTypes: ['BoxCame'],
  keyOf: ({ stream: { id } }) => id,
  apply(row, { data, stream: { id } }) {
    const until = performance.now() + (data as number);
    while (performance.now() < until);
    return { id, count: Number(row?.['count'] ?? 0) + 1 };
  },
}) as Projection;

const changed = (earlier: readonly number[]) =>
  new InlineChange(boxes, [came(earlier.length + 1, 0)], new VmTimeLimit(), TIMEOUT_MS).rowsAfter(
    { rows: new Map(), passedVersion: 0 },
    earlier.map((takesMs, index) => came(index + 1, takesMs)),
  );

describe('Rows stored with the append', () => {
  it('are made however long all earlier events take together', () => {
    const slow = Array.from({ length: 300 }, () => 2);
    expect(changed(slow)).toEqual([{ id: stream.id, count: 301, stream_version: 301 }]);
  });

  it('are not left out for want of time: a handler that hangs at an earlier event refuses the append', () => {
    const refused = {
      code: 'projection.inline-failed',
      cause: expect.objectContaining({ code: 'projection.handler-hung' }),
    };
    expect(() => changed([0, 1e9])).toThrow(expect.objectContaining(refused));
  });
});
