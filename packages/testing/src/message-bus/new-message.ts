// Messages for tests, and a handler that remembers them.
import { randomUUID } from 'node:crypto';
import type { BusMessage, MessageContext } from '@groundwork/application';
import { eventually } from '../eventually.ts';

/** A message with its own id; `text` is its body. */
export const newMessage = (topic: string, text = '', parts: Partial<BusMessage> = {}): BusMessage => ({
  id: randomUUID(),
  topic,
  contentType: 'text/plain',
  body: new TextEncoder().encode(text),
  ...parts,
});

/** A first word of topics, or a group, that no other test has. */
export const newWord = (): string => `t${randomUUID().slice(0, 12).replaceAll('-', '')}`;

export const textOf = ({ body }: BusMessage): string => new TextDecoder().decode(body);

/** Remembers what it was handed, in this order. */
export class HeardMessages {
  readonly messages: BusMessage[] = [];
  readonly contexts: MessageContext[] = [];

  readonly handle = async (message: BusMessage, context: MessageContext): Promise<void> => {
    this.messages.push(message);
    this.contexts.push(context);
  };

  get texts(): readonly string[] {
    return this.messages.map(textOf);
  }

  /** Waits until so many have come, and returns their texts. */
  async until(count: number, timeoutMs = 20_000): Promise<readonly string[]> {
    await eventually(() => {
      if (this.messages.length >= count) return true;
      throw new Error(`${this.messages.length} of ${count} messages came: ${this.texts.join(', ')}`);
    }, timeoutMs);
    return this.texts;
  }
}
