// The part of the contract about a tenant's view over all its streams.
import { describe, expect, it } from '@jest/globals';
import type { EventQuery, EventSource, LoggedEvent } from '@groundwork/application';
import type { TenantId } from '@groundwork/domain';
import { dataOf, newEvent, newStream, newTenant } from '../new-event.ts';
import type { StoreAccess } from './event-store-contract.ts';

const SOURCES: readonly EventSource[] = ['salesforce', 'backfill', 'api', 'system'];

export function describeQueries(store: StoreAccess): void {
  describe('queries', () => {
    it('S0-11 selects by source exactly those events', async () => {
      const tenant = newTenant();
      await store().events.append({
        tenant,
        stream: newStream(),
        expected: 'any',
        events: [...SOURCES, ...SOURCES].map((source) => newEvent('FactKept', { source }, { source })),
      });
      for (const source of SOURCES) {
        const found = await store().events.query(tenant, { after: 0n, limit: 100, source });
        expect(found.map((event) => [event.source, dataOf(event)])).toEqual([
          [source, { source }],
          [source, { source }],
        ]);
      }
    });

    it('selects by type, stream and correlation, and by all of them together', async () => {
      const [tenant, stream, other] = [newTenant(), newStream(), newStream('other')];
      const metadata = { actor: 'a', correlationId: 'wanted' };
      const wanted = newEvent('FactAmended', 1, { metadata });
      await store().events.append({ tenant, stream, expected: 'any', events: [newEvent('FactKept', 2), wanted] });
      await store().events.append({
        tenant,
        stream: other,
        expected: 'any',
        events: [newEvent('FactKept', 3, { metadata })],
      });
      const found = async (query: Partial<EventQuery>): Promise<unknown[]> =>
        (await store().events.query(tenant, { after: 0n, limit: 10, ...query })).map(dataOf);

      expect(await found({})).toEqual([2, 1, 3]);
      expect(await found({ type: 'FactAmended' })).toEqual([1]);
      expect(await found({ stream })).toEqual([2, 1]);
      expect(await found({ correlationId: 'wanted' })).toEqual([1, 3]);
      expect(await found({ type: 'FactKept', source: 'api', stream: other, correlationId: 'wanted' })).toEqual([3]);
      expect(await found({ type: 'FactAmended', stream: other })).toEqual([]);
    });

    it('S0-27, S2-27 pages by position and misses nothing while others append', async () => {
      const tenant = newTenant();
      const writers = Array.from({ length: 8 }, (_, writer) => writeSteadily(store, tenant, writer, 25));
      const isWritten = Promise.all(writers).then(() => true);
      const query = { type: 'FactKept', source: 'backfill' } as const;
      const seen = await pageUntilDone(store, tenant, query, isWritten);

      expect(seen).toHaveLength(8 * 25);
      expect(new Set(seen.map((event) => event.id)).size).toBe(8 * 25);
      const positions = seen.map((event) => event.position);
      expect(positions).toEqual([...positions].sort((a, b) => (a < b ? -1 : 1)));
    });
  });
}

async function writeSteadily(store: StoreAccess, tenant: TenantId, writer: number, count: number): Promise<void> {
  const stream = newStream();
  for (let n = 0; n < count; n++) {
    const events = [
      newEvent('FactKept', { writer, n }, { source: 'backfill' }),
      newEvent('FactAmended', {}, { source: 'backfill' }),
    ];
    await store().events.append({ tenant, stream, expected: n * 2, events });
  }
}

/** Reads page after page behind the last position seen, until the writers are done and a page came back empty. */
async function pageUntilDone(
  store: StoreAccess,
  tenant: TenantId,
  query: Partial<EventQuery>,
  isWritten: Promise<boolean>,
): Promise<LoggedEvent[]> {
  let isDone = false;
  void isWritten.then(() => (isDone = true));
  const seen: LoggedEvent[] = [];
  for (;;) {
    const wasDone = isDone;
    const page = await store().events.query(tenant, { after: seen.at(-1)?.position ?? 0n, limit: 7, ...query });
    seen.push(...page);
    if (page.length === 0 && wasDone) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await isWritten;
  return seen;
}
