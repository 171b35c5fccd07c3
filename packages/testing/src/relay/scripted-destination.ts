// A destination that does as it is told: takes messages, refuses some, or is away for a while.
import { messageId, type MessageDestination, type OutgoingMessage, type UnsentMessage } from '@groundwork/application';

/** What becomes of one message. */
export type Fate = 'taken' | 'refused' | 'not-yet';

export class ScriptedDestination implements MessageDestination {
  readonly name: string;
  /** Everything that was taken, in this order. */
  readonly taken: OutgoingMessage[] = [];
  /** How many messages it was handed, each as often as it was sent. */
  sentCount = 0;
  /** Decides about every message that is sent. */
  fateOf: (message: OutgoingMessage) => Fate = () => 'taken';
  /** Waited for before anything is taken. */
  ready: () => Promise<void> = () => Promise.resolve();

  constructor(name = 'scripted') {
    this.name = name;
  }

  async send(messages: readonly OutgoingMessage[]): Promise<readonly UnsentMessage[]> {
    this.sentCount += messages.length;
    await this.ready();
    const unsent: UnsentMessage[] = [];
    const held = new Set<string>();
    for (const message of messages) {
      const stream = `${message.tenant}/${message.stream.type}/${message.stream.id}`;
      const fate = held.has(stream) ? 'untried' : this.fateOf(message);
      if (fate === 'taken') {
        this.taken.push(message);
        continue;
      }
      held.add(stream);
      const cause = fate === 'untried' ? undefined : new Error(`scripted to be ${fate}`);
      unsent.push({ messageId: messageId(message), cause, isRefused: fate === 'refused' });
    }
    return unsent;
  }
}
