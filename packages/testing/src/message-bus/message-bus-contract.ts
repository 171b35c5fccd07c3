// What every message bus promises, as one suite: an adapter's spec is one call.
import { afterAll, afterEach, beforeAll, describe } from '@jest/globals';
import type { MessageBus } from '@groundwork/application';
import { describeDelivering } from './delivering.ts';
import { describeOrdering } from './ordering.ts';
import { describePublishing } from './publishing.ts';
import { describeQueues } from './queues.ts';
import { describeRequests } from './requests.ts';
import { describeSettling } from './settling.ts';

export interface MessageBusFixture {
  /** The bus as another process would have it: with connections of its own, over the same broker. */
  connect(): Promise<ConnectedBus>;
  close(): Promise<void>;
}

export interface ConnectedBus {
  readonly bus: MessageBus;
  /** Ends the connections as the death of the process would: nothing is settled, nothing is said. */
  abandon(): Promise<void>;
}

export interface MessageBusTraits {
  /** What becomes of a message that no queue takes. */
  readonly unroutable: 'returned' | 'kept';
  /** Whether queues can be purged and deleted, and consumers be counted. */
  readonly isManageable: boolean;
  /** How long it may take until the messages of a dead consumer are handed to another, and a group to settle. */
  readonly settlesWithinMs: number;
}

/** How the parts of the suite reach the broker; every bus is closed when its test is over. */
export interface BusAccess {
  readonly traits: MessageBusTraits;
  connect(): Promise<ConnectedBus>;
}

/** Runs the contract of MessageBus on what `make` sets up once for all tests. */
export function describeMessageBus(
  name: string,
  traits: MessageBusTraits,
  make: () => Promise<MessageBusFixture>,
): void {
  describe(name, () => {
    let fixture: MessageBusFixture;
    const open: MessageBus[] = [];
    beforeAll(async () => {
      fixture = await make();
    });
    afterEach(async () => {
      await Promise.all(open.splice(0).map((bus) => bus.close()));
    });
    afterAll(() => fixture?.close());

    const access: BusAccess = {
      traits,
      connect: async () => {
        const connected = await fixture.connect();
        open.push(connected.bus);
        return connected;
      },
    };
    describePublishing(access);
    describeDelivering(access);
    describeSettling(access);
    describeOrdering(access);
    describeRequests(access);
    if (traits.isManageable) describeQueues(access);
  });
}
