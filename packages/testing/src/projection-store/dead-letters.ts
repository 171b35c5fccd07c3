// The part of the contract about parked streams.
import { describe, expect, it } from '@jest/globals';
import type { ParkedStream, Slice } from '@groundwork/application';
import { newTenant } from '../new-event.ts';
import { parkedStream } from './advancing.ts';
import { noteList, type ProjectionStoreUnderTest } from './projection-fixture.ts';

export function describeDeadLetters(ports: () => ProjectionStoreUnderTest): void {
  const onlySlice = async (): Promise<Slice> => {
    await ports().store.register(noteList, 1);
    return (await ports().store.lease(noteList, 'worker-1', 60_000, 1))[0]!;
  };
  const parkedIn = async (slice: Slice): Promise<readonly ParkedStream[]> => {
    let parked: readonly ParkedStream[] = [];
    await ports().store.advance(noteList, slice, slice.position, async (tx) => {
      parked = await tx.parked();
    });
    return parked;
  };

  describe('dead letters', () => {
    it('parks a stream with its reason, for the worker and for the operators of its tenant', async () => {
      const [slice, tenant] = [await onlySlice(), newTenant()];
      await ports().store.advance(noteList, slice, slice.position, (tx) => tx.park(parkedStream(slice, tenant)));

      const [parked] = await parkedIn(slice);
      expect(parked).toEqual({
        ...parkedStream(slice, tenant),
        id: expect.any(String),
        parkedAt: expect.any(Date),
        decision: undefined,
      });
      expect(await ports().deadLetters.list(tenant, { limit: 10 })).toEqual([parked]);
      expect(await ports().deadLetters.get(tenant, parked!.id)).toEqual(parked);
      expect(await ports().deadLetters.get(newTenant(), parked!.id)).toBeUndefined();
      expect(await ports().deadLetters.list(newTenant(), { limit: 10 })).toEqual([]);
      expect(await ports().deadLetters.count(tenant, noteList.name)).toBe(1);
      expect(await ports().deadLetters.count(newTenant(), noteList.name)).toBe(0);
      expect((await ports().store.progress(noteList.name))[0]!.parked).toBe(1);
    });

    it('records a decision of the tenant only, and forgets it when the stream is parked again', async () => {
      const [slice, tenant] = [await onlySlice(), newTenant()];
      await ports().store.advance(noteList, slice, slice.position, (tx) => tx.park(parkedStream(slice, tenant)));
      const [first] = await parkedIn(slice);
      expect(await ports().deadLetters.decide(newTenant(), first!.id, 'retry')).toBeUndefined();
      expect(await ports().deadLetters.decide(tenant, first!.id, 'discard')).toEqual({ ...first, decision: 'discard' });
      expect((await parkedIn(slice))[0]!.decision).toBe('discard');

      const again = { ...parkedStream(slice, tenant), attempts: 6, position: 8n };
      await ports().store.advance(noteList, slice, slice.position, (tx) => tx.park(again));
      expect(await parkedIn(slice)).toEqual([{ ...first, attempts: 6, position: 8n, decision: undefined }]);
    });

    it('does not know an id that was never given', async () => {
      const unknown = '01980f3c-0000-7000-8000-00000000ffff';
      expect(await ports().deadLetters.decide(newTenant(), unknown, 'retry')).toBeUndefined();
    });

    it('forgets a stream that goes on', async () => {
      const [slice, tenant] = [await onlySlice(), newTenant()];
      await ports().store.advance(noteList, slice, slice.position, (tx) => tx.park(parkedStream(slice, tenant)));
      const [parked] = await parkedIn(slice);
      await ports().store.advance(noteList, slice, slice.position, (tx) => tx.unpark(parked!.id));
      expect(await parkedIn(slice)).toEqual([]);
      expect(await ports().deadLetters.list(tenant, { limit: 10 })).toEqual([]);
    });

    it('lists page after page, by projection', async () => {
      const [slice, tenant] = [await onlySlice(), newTenant()];
      const ids = ['a', 'b', 'c', 'd', 'e'];
      await ports().store.advance(noteList, slice, slice.position, async (tx) => {
        for (const id of ids) await tx.park(parkedStream(slice, tenant, id));
      });
      const { deadLetters } = ports();
      const firstPage = await deadLetters.list(tenant, { limit: 2, projection: noteList.name });
      const secondPage = await deadLetters.list(tenant, { limit: 10, after: firstPage.at(-1)!.id });
      expect(firstPage).toHaveLength(2);
      expect([...firstPage, ...secondPage].map(({ stream }) => stream.id).sort()).toEqual(ids);
      expect(await deadLetters.list(tenant, { limit: 10, projection: 'contract.other' })).toEqual([]);
    });
  });
}
