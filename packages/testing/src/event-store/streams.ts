// The part of the contract about reading one stream.
import { describe, expect, it } from '@jest/globals';
import type { StreamRange } from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';
import fc from 'fast-check';
import { collected, newEvent, newStream, newTenant } from '../new-event.ts';
import type { StoreAccess } from './event-store-contract.ts';

const DAY_MS = 86_400_000;
const dayOf = (day: number): Date => new Date(Date.UTC(2026, 0, 1) + day * DAY_MS);

export function describeStreams(store: StoreAccess): void {
  describe('streams', () => {
    it('reads nothing from an unknown stream', async () => {
      expect(await collected(store().events.readStream(newTenant(), newStream()))).toEqual([]);
    });

    it('reads 5,000 events in order, and lets a reader leave early as often as it likes', async () => {
      const [tenant, stream] = [newTenant(), newStream()];
      for (let batch = 0; batch < 5; batch++) await keepDays(store, tenant, stream, 1_000, batch * 1_000);

      let expected = 0;
      for await (const event of store().events.readStream(tenant, stream)) expect(event.streamVersion).toBe(++expected);
      expect(expected).toBe(5_000);

      for (let reader = 0; reader < 30; reader++) {
        for await (const event of store().events.readStream(tenant, stream)) {
          if (event.streamVersion === 3) break;
        }
      }
      expect(await collected(store().events.readStream(tenant, stream, { fromVersion: 4_999 }))).toHaveLength(2);
    });

    it('selects versions with both ends', async () => {
      const [tenant, stream] = [newTenant(), newStream()];
      await keepDays(store, tenant, stream, 6);
      const read = await collected(store().events.readStream(tenant, stream, { fromVersion: 2, toVersion: 4 }));
      expect(read.map((event) => event.streamVersion)).toEqual([2, 3, 4]);
    });

    it('reads no more than the limit of what was selected', async () => {
      const [tenant, stream] = [newTenant(), newStream()];
      await keepDays(store, tenant, stream, 6);
      const versions = async (range: StreamRange): Promise<number[]> =>
        (await collected(store().events.readStream(tenant, stream, range))).map((event) => event.streamVersion);
      expect(await versions({ limit: 2 })).toEqual([1, 2]);
      expect(await versions({ fromVersion: 3, limit: 2 })).toEqual([3, 4]);
      expect(await versions({ from: dayOf(4), limit: 100 })).toEqual([5, 6]);
      expect(await versions({ to: dayOf(4), fromVersion: 2, limit: 1 })).toEqual([2]);
    });

    it('S0-26, S2-27 selects times half-open, ordered by stream version', async () => {
      const [tenant, stream] = [newTenant(), newStream()];
      const days = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3];
      for (const day of days) await keepDays(store, tenant, stream, 1, day);
      const bound = fc.option(fc.integer({ min: 0, max: 10 }), { nil: undefined });
      await fc.assert(
        fc.asyncProperty(bound, bound, async (from, to) => {
          const range = {
            ...(from === undefined ? {} : { from: dayOf(from) }),
            ...(to === undefined ? {} : { to: dayOf(to) }),
          };
          const read = await collected(store().events.readStream(tenant, stream, range));
          const isIn = (day: number): boolean => day >= (from ?? 0) && day < (to ?? Infinity);
          expect(read.map((event) => event.streamVersion)).toEqual(
            days.flatMap((day, index) => (isIn(day) ? [index + 1] : [])),
          );
        }),
        { numRuns: 40 },
      );
    });
  });
}

/** Appends `count` events, each of which happened a day after the one before. */
async function keepDays(
  store: StoreAccess,
  tenant: TenantId,
  stream: StreamId,
  count: number,
  firstDay = 0,
): Promise<void> {
  const events = Array.from({ length: count }, (_, index) =>
    newEvent('FactKept', { day: firstDay + index }, { occurredAt: dayOf(firstDay + index) }),
  );
  await store().events.append({ tenant, stream, expected: 'any', events });
}
