// What every event store promises, as one suite: an adapter's spec is one call.
import { afterAll, beforeAll, describe } from '@jest/globals';
import type { EventLog, EventStore, EventTypes, LogSignal } from '@groundwork/application';
import { describeAppending } from './appending.ts';
import { describeIdempotence } from './idempotence.ts';
import { describePayloads } from './payloads.ts';
import { describeQueries } from './queries.ts';
import { describeReadingTheLog } from './reading-the-log.ts';
import { describeSnapshots } from './snapshots.ts';
import { describeSplitting } from './splitting.ts';
import { describeStreams } from './streams.ts';
import { typesOfToday } from './types.ts';

export interface EventStoreUnderTest {
  readonly events: EventStore;
  readonly log: EventLog;
  readonly signal: LogSignal;
}

export interface EventStoreFixture {
  /** A store over the same log for a program that knows these types. */
  open(types: EventTypes): Promise<EventStoreUnderTest>;
  close(): Promise<void>;
}

/** How the parts of the suite reach the store; nothing exists before the first test runs. */
export interface StoreAccess {
  (): EventStoreUnderTest;
  open(types: EventTypes): Promise<EventStoreUnderTest>;
}

/** Runs the contract of EventStore, EventLog and LogSignal on what `make` sets up: an adapter with an empty log. */
export function describeEventStore(name: string, make: () => Promise<EventStoreFixture>): void {
  describe(name, () => {
    let fixture: EventStoreFixture;
    let store: EventStoreUnderTest;
    beforeAll(async () => {
      fixture = await make();
      store = await fixture.open(typesOfToday);
    });
    afterAll(() => fixture?.close());

    const access: StoreAccess = Object.assign(() => store, { open: (types: EventTypes) => fixture.open(types) });
    describeAppending(access);
    describeIdempotence(access);
    describePayloads(access);
    describeSplitting(access);
    describeStreams(access);
    describeSnapshots(access);
    describeQueries(access);
    describeReadingTheLog(access);
  });
}
