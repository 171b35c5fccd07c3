// Where messages for other systems are handed over: a bus that confirms what it has taken.
import type { RecordedEvent } from '../events/event.ts';
import { port } from '../port.ts';

/** What is told of an event: in the words of the publication, with everything else as the log has it. */
export interface OutgoingMessage extends Omit<RecordedEvent, 'dataText'> {
  /** Who tells it: the first word of the publication's name. */
  readonly context: string;
}

/** A message that the destination has not taken, as far as we know. */
export interface UnsentMessage {
  /** See `messageId`. */
  readonly messageId: string;
  /** What it was refused for; undefined when it was not tried, behind one of its stream that was not taken. */
  readonly cause: unknown;
  /** Whether it would be refused again, however often it is sent. */
  readonly isRefused: boolean;
}

export interface MessageDestination {
  /** Stands in the names of its relays: `eventbridge`. */
  readonly name: string;
  /**
   * Sends messages, those of a stream in the given order, and resolves with those that were not taken: the destination
   * has confirmed all others. Behind one that was not taken no later one of its stream is sent. A rejection says
   * nothing about any of them; sending the same messages again is safe.
   */
  send(messages: readonly OutgoingMessage[]): Promise<readonly UnsentMessage[]>;
}
/** Multi-bound: every publication is sent to every destination. */
export const MessageDestination = port<MessageDestination>('MessageDestination');

/**
 * By which receivers know a message: that of its event, always the same. Of several messages of one event those behind
 * the first have their place added: `<id>.1`.
 */
export const messageId = ({ id, part }: Pick<OutgoingMessage, 'id' | 'part'>): string =>
  part === 0 ? id : `${id}.${part}`;
