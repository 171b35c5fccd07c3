// Event types that have changed: a line got a count, and an order that held its lines was cut into several events.
import type { EventTypeDefinition } from '@groundwork/application';
import { z } from 'zod';

// #region hop
export const lineAdded: EventTypeDefinition = {
  type: 'LineAdded',
  declaredIn: '@groundwork/orders',
  schemaVersion: 2,
  schema: z.object({ item: z.string(), count: z.int().min(1) }),
  upcasters: { 1: (data) => ({ ...(data as { item: string }), count: 1 }) },
};
// #endregion

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
