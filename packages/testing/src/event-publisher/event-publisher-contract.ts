// What every event publisher promises, as one suite: an adapter's spec is one call.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { normalisedEvent, type EventPublisher, type NormalisedEvent } from '@groundwork/application';
import { newRecordedEvent, newStream, newTenant } from '../new-event.ts';

export interface EventPublisherUnderTest {
  readonly publisher: EventPublisher;
  /** What the bus has taken so far, in this order. */
  published(): readonly NormalisedEvent[];
  close(): Promise<void>;
}

/** Runs the contract of EventPublisher; `make` sets up a publisher with a bus of its own. */
export function describeEventPublisher(name: string, make: () => Promise<EventPublisherUnderTest>): void {
  describe(name, () => {
    let bus: EventPublisherUnderTest;
    beforeEach(async () => {
      bus = await make();
    });
    afterEach(() => bus.close());

    it('publishes the events of a stream in their order, each normalised under its own id', async () => {
      const events = eventsOfOneStream(12);
      await bus.publisher.publish(events);
      expect(bus.published()).toEqual(events.map(normalisedEvent));
    });

    it('publishes again what is published again, under the same ids', async () => {
      const events = eventsOfOneStream(2);
      await bus.publisher.publish(events);
      await bus.publisher.publish(events);
      expect(bus.published().map((event) => event.event_id)).toEqual([...events, ...events].map(({ id }) => id));
    });

    it('has nothing to do when there are no events', async () => {
      await bus.publisher.publish([]);
      expect(bus.published()).toEqual([]);
    });
  });
}

function eventsOfOneStream(count: number) {
  const of = { tenant: newTenant(), stream: newStream() };
  return Array.from({ length: count }, (_, index) =>
    newRecordedEvent({ ...of, streamVersion: index + 1, position: BigInt(index + 1), dataText: `{"n":${index}}` }),
  );
}
