import { describeEventPublisher } from '@groundwork/testing';
import { MemoryEventPublisher } from './memory-event-publisher.ts';

describeEventPublisher('MemoryEventPublisher', async () => {
  const publisher = new MemoryEventPublisher();
  return { publisher, published: () => publisher.published, close: () => Promise.resolve() };
});
