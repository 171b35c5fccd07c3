// Messages whose body is typed JSON: one definition for who publishes and who subscribes.
import type { z, ZodType } from 'zod';
import { MessageRejected } from '../errors.ts';
import type { BusMessage, MessageContext, MessageHandler } from '../ports/message-bus.ts';

export interface MessageType<Schema extends ZodType = ZodType> {
  readonly topic: string;
  readonly schema: Schema;
}

/** A message of this type; throws what the schema says about `data`. */
export const messageOf = <Schema extends ZodType>(
  { topic, schema }: MessageType<Schema>,
  data: z.input<Schema>,
  parts: Pick<BusMessage, 'id' | 'key' | 'headers'>,
): BusMessage => ({
  ...parts,
  topic,
  contentType: 'application/json',
  body: new TextEncoder().encode(JSON.stringify(schema.parse(data))),
});

/** A handler that gets the data typed; what does not fit the schema is a dead letter (`messaging.unreadable`). */
export const handling =
  <Schema extends ZodType>(
    { topic, schema }: MessageType<Schema>,
    handle: (data: z.output<Schema>, message: BusMessage, context: MessageContext) => Promise<void>,
  ): MessageHandler =>
  (message, context) =>
    handle(readAs(topic, schema, message), message, context);

function readAs<Schema extends ZodType>(topic: string, schema: Schema, message: BusMessage): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(message.body)));
  } catch (cause) {
    throw new MessageRejected(
      'messaging.unreadable',
      `Message ${message.id} is not what ${topic} is declared to be: ${(cause as Error).message}`,
      'Correct the declaration or whoever publishes, then redrive or discard the dead letter.',
      { messageId: message.id },
      { cause },
    );
  }
}
