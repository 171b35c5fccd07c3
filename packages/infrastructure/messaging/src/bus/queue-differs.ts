// A queue keeps what it was made for.
import { Misconfigured } from '@groundwork/application';
import type { Queue } from './broker.ts';

export const queueDiffers = ({ name, topic, isOrdered }: Queue, options?: ErrorOptions): Misconfigured =>
  new Misconfigured(
    'messaging.queue-differs',
    `Queue ${name} exists, and not for ${topic} ${isOrdered ? 'in order' : 'without an order'}.`,
    'Subscribe under another group, or let the queue run empty and delete it first.',
    { name, topic, isOrdered },
    options,
  );
