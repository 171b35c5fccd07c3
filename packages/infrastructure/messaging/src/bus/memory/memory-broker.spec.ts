// The bus inside one process keeps the contract of all.
import { describeMessageBus, MemoryLogger, MemoryMetrics } from '@groundwork/testing';
import { BrokeredMessageBus } from '../brokered-message-bus.ts';
import { MemoryBroker, MemoryQueues } from './memory-broker.ts';

describeMessageBus(
  'The bus in memory',
  { unroutable: 'returned', isManageable: true, settlesWithinMs: 5_000 },
  async () => {
    const queues = new MemoryQueues();
    return {
      connect: async () => {
        const broker = new MemoryBroker(queues);
        const bus = new BrokeredMessageBus(broker, { logger: new MemoryLogger(), metrics: new MemoryMetrics() });
        return { bus, abandon: () => broker.close() };
      },
      close: async () => undefined,
    };
  },
);
