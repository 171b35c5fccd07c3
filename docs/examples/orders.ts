// Event types of which one was cut too large at first: an order held its lines, which are events of their own today.
import type { EventTypeDefinition } from '@groundwork/application';
import { z } from 'zod';

// #region split
export const orderPlaced: EventTypeDefinition = {
  type: 'OrderPlaced',
  declaredIn: '@groundwork/orders',
  schemaVersion: 2,
  schema: z.object({ by: z.string() }),
  upcasters: {
    1: {
      into: { OrderPlaced: 2, LineAdded: 1 },
      split(data) {
        const { by, lines } = data as { by: string; lines: readonly string[] };
        return [{ type: 'OrderPlaced', data: { by } }, ...lines.map((item) => ({ type: 'LineAdded', data: { item } }))];
      },
    },
  },
};
// #endregion

export const lineAdded: EventTypeDefinition = {
  type: 'LineAdded',
  declaredIn: '@groundwork/orders',
  schemaVersion: 1,
  schema: z.object({ item: z.string() }),
};
