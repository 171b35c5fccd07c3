// What every event publisher promises, as one suite: an adapter's spec is one call.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventTypes, normalisedEvent, type EventPublisher, type NormalisedEvent } from '@groundwork/application';
import { newLoggedEvent, newStream, newTenant } from '../new-event.ts';

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
      expect(bus.published()).toEqual(events.flatMap(({ parts }) => parts).map(normalisedEvent));
    });

    it('publishes again what is published again, under the same ids', async () => {
      const events = eventsOfOneStream(2);
      await bus.publisher.publish(events);
      await bus.publisher.publish(events);
      expect(bus.published().map((event) => event.event_id)).toEqual([...events, ...events].map(({ id }) => id));
    });

    it('publishes an event that is read as several as so many messages, each always under its own id', async () => {
      const event = newLoggedEvent({ dataText: '["a","b"]' }, splitIntoTexts);
      await bus.publisher.publish([event]);
      const messages = bus.published().map(({ event_id, data }) => [event_id, data]);
      expect(messages).toEqual([
        [event.id, 'a'],
        [`${event.id}.1`, 'b'],
      ]);
    });

    it('has nothing to do when there are no events', async () => {
      await bus.publisher.publish([]);
      expect(bus.published()).toEqual([]);
    });
  });
}

const splitIntoTexts = new EventTypes([
  {
    type: 'NoteTaken',
    schemaVersion: 2,
    upcasters: {
      1: {
        into: { NoteTaken: 2 },
        split: (data) => (data as readonly string[]).map((text) => ({ type: 'NoteTaken', data: text })),
      },
    },
  },
]);

function eventsOfOneStream(count: number) {
  const of = { tenant: newTenant(), stream: newStream() };
  return Array.from({ length: count }, (_, index) =>
    newLoggedEvent({ ...of, streamVersion: index + 1, position: BigInt(index + 1), dataText: `{"n":${index}}` }),
  );
}
