// What is counted about messages. No label holds an id: queues without a group share one name.
import type { Metrics } from '@groundwork/application';
import type { Queue } from './broker.ts';

export type HandledOutcome = 'acknowledged' | 'dead-lettered' | 'returned';

const TRANSIENT = 'transient';

export interface BusMeters {
  published(confirmed: number, unconfirmed: number): void;
  handled(queue: Queue, outcome: HandledOutcome, seconds: number): void;
  held(queue: Queue, count: number): void;
}

export function busMeters(metrics: Metrics): BusMeters {
  const published = metrics.counter('groundwork_messages_published_total', 'Messages sent to the broker.', ['outcome']);
  const handled = metrics.histogram(
    'groundwork_message_handling_duration_seconds',
    'From the hand-over of a message to its settlement, all attempts included.',
    ['queue', 'outcome'],
  );
  const held = metrics.gauge('groundwork_messages_in_hand', 'Messages that handlers of this process hold.', ['queue']);
  const labelOf = ({ name, isTransient }: Queue): string => (isTransient ? TRANSIENT : name);
  return {
    published: (confirmed, unconfirmed) => {
      if (confirmed > 0) published.add(confirmed, { outcome: 'confirmed' });
      if (unconfirmed > 0) published.add(unconfirmed, { outcome: 'unconfirmed' });
    },
    handled: (queue, outcome, seconds) => handled.observe(seconds, { queue: labelOf(queue), outcome }),
    held: (queue, count) => held.set(count, { queue: labelOf(queue) }),
  };
}
