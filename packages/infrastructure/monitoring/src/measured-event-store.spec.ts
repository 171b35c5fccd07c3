import { describe, expect, it } from '@jest/globals';
import {
  VersionConflict,
  type Append,
  type Appended,
  type EventStore,
  type FromSnapshot,
  type LoggedEvent,
} from '@groundwork/application';
import { parseTenantId, streamId } from '@groundwork/domain';
import { MeasuredEventStore } from './measured-event-store.ts';
import { PrometheusMetrics } from './prometheus-metrics.ts';

const tenant = parseTenantId('demo');
const stream = streamId('client', '1');

/** Answers as it is told: what is measured is the wrapper. */
class ScriptedStore implements EventStore {
  answer: () => Promise<Appended> = () => Promise.resolve({ streamVersion: 1, position: 1n, repeated: false });
  append(): Promise<Appended> {
    return this.answer();
  }
  async *readStream(): AsyncIterable<LoggedEvent> {
    yield await Promise.resolve({ streamVersion: 1 } as LoggedEvent);
  }
  readFromSnapshot(): Promise<FromSnapshot> {
    return Promise.resolve({ snapshot: undefined, later: this.readStream() });
  }
  query(): Promise<readonly LoggedEvent[]> {
    return Promise.resolve([{ streamVersion: 2 } as LoggedEvent]);
  }
}

const append = (): Append => ({ tenant, stream, expected: 'any', events: [{}, {}] as unknown as Append['events'] });

describe('A measured event store', () => {
  it('counts new events and lost races, and nothing for a repetition', async () => {
    const [metrics, scripted] = [new PrometheusMetrics(), new ScriptedStore()];
    const store = new MeasuredEventStore(scripted, metrics);
    await store.append(append());
    scripted.answer = () => Promise.resolve({ streamVersion: 1, position: 1n, repeated: true });
    await store.append(append());
    scripted.answer = () => Promise.reject(new VersionConflict('client/1', 0, 1));
    await expect(store.append(append())).rejects.toBeInstanceOf(VersionConflict);
    const { text } = await metrics.scrape();
    expect(text).toContain('groundwork_events_appended_total{stream_type="client"} 2\n');
    expect(text).toContain('groundwork_append_conflicts_total{stream_type="client"} 1\n');
  });

  it('gives reads on as they are', async () => {
    const store = new MeasuredEventStore(new ScriptedStore(), new PrometheusMetrics());
    for await (const event of store.readStream(tenant, stream)) expect(event).toEqual({ streamVersion: 1 });
    const { later } = await store.readFromSnapshot(tenant, stream, { from: 1, to: 1 });
    for await (const event of later) expect(event).toEqual({ streamVersion: 1 });
    expect.assertions(3);
    expect(await store.query(tenant, { after: 0n, limit: 1 })).toEqual([{ streamVersion: 2 }]);
  });
});
