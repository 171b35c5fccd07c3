// What a context does with messages from other processes.
import { port } from '../port.ts';
import type { Subscription } from './message-bus.ts';

/**
 * Multi-bound; the worker subscribes all of them when it starts, and stops them first when it ends. The group is its
 * name among all who share the work: keep it, or what waits for it stays behind.
 */
export interface MessageSubscriber extends Subscription {
  /** `context.noun`, such as `clients.welcome-letters`. */
  readonly group: string;
}
export const MessageSubscriber = port<MessageSubscriber>('MessageSubscriber');
