// The message bus as a destination of relays: messages go out as CloudEvents.
import {
  InvalidInput,
  MessagesNotPublished,
  messageId,
  topicOf,
  type BusMessage,
  type MessageBus,
  type MessageDestination,
  type OutgoingMessage,
  type UnsentMessage,
} from '@groundwork/application';
import { binaryHeaders, partitionKeyOf, STRUCTURED_MEDIA_TYPE, structuredText } from '../cloudevents/cloud-event.ts';

/** See https://github.com/cloudevents/spec: one JSON object, or headers and the data by itself. */
export type CloudEventMode = 'structured' | 'binary';

/** Of one stream only one message is on its way at a time: a broker may lose the first and confirm the second. */
export class BusDestination implements MessageDestination {
  readonly name = 'bus';
  readonly #bus: Pick<MessageBus, 'publish'>;
  readonly #mode: CloudEventMode;

  constructor(bus: Pick<MessageBus, 'publish'>, mode: CloudEventMode) {
    this.#bus = bus;
    this.#mode = mode;
  }

  async send(messages: readonly OutgoingMessage[]): Promise<readonly UnsentMessage[]> {
    const unsent: UnsentMessage[] = [];
    const waiting = Map.groupBy(messages, partitionKeyOf);
    while (waiting.size > 0) {
      const round = [...waiting.values()].map((ofStream) => ofStream.shift()!);
      const notTaken = await this.#publish(round);
      unsent.push(...notTaken.values());
      for (const message of round) {
        const stream = partitionKeyOf(message);
        const ofStream = waiting.get(stream)!;
        const isHeld = notTaken.has(messageId(message));
        if (isHeld) unsent.push(...ofStream.map(untried));
        if (isHeld || ofStream.length === 0) waiting.delete(stream);
      }
      if ([...notTaken.values()].every(({ isRefused }) => isRefused)) continue;
      return [...unsent, ...[...waiting.values()].flat().map(untried)];
    }
    return unsent;
  }

  /** What is not taken, by its id. */
  async #publish(messages: readonly OutgoingMessage[]): Promise<ReadonlyMap<string, UnsentMessage>> {
    try {
      // Nobody has to listen: whoever subscribes later asks for what was before elsewhere.
      await this.#bus.publish(
        messages.map((message) => this.#busMessage(message)),
        { mandatory: false },
      );
      return new Map();
    } catch (cause) {
      if (cause instanceof MessagesNotPublished) {
        const failed = cause.failed.map(({ messageId: id }) => ({ messageId: id, cause, isRefused: false }));
        return new Map(failed.map((one) => [one.messageId, one]));
      }
      if (!(cause instanceof InvalidInput)) throw cause;
      if (messages.length > 1) return this.#oneByOne(messages);
      const id = messageId(messages[0]!);
      return new Map([[id, { messageId: id, cause, isRefused: true }]]);
    }
  }

  /** One of them is no message that the bus can carry: nothing of them was sent. */
  async #oneByOne(messages: readonly OutgoingMessage[]): Promise<ReadonlyMap<string, UnsentMessage>> {
    const all = new Map<string, UnsentMessage>();
    for (const message of messages) for (const [id, one] of await this.#publish([message])) all.set(id, one);
    return all;
  }

  #busMessage(message: OutgoingMessage): BusMessage {
    const isBinary = this.#mode === 'binary';
    const { traceparent } = message.metadata;
    const trace = traceparent === undefined ? {} : { traceparent };
    return {
      id: messageId(message),
      topic: topicOf(message),
      key: partitionKeyOf(message),
      headers: isBinary ? { ...binaryHeaders(message), ...trace } : trace,
      contentType: isBinary ? 'application/json' : STRUCTURED_MEDIA_TYPE,
      body: new TextEncoder().encode(isBinary ? JSON.stringify(message.data) : structuredText(message)),
    };
  }
}

const untried = (message: OutgoingMessage): UnsentMessage => ({
  messageId: messageId(message),
  cause: undefined,
  isRefused: false,
});
