// What a message, a pattern and a queue have to look like, so that every broker can carry them.
import { InvalidInput, MESSAGE_BYTES_MAX, type BusMessage } from '@groundwork/application';

const TOPIC = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const PATTERN = /^(?:(?:[A-Za-z0-9_-]+|\*)\.)*(?:[A-Za-z0-9_-]+|\*|>)$/;
const QUEUE_NAME = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/;
const ID = /^[\x21-\x7e]{1,200}$/;
const HEADER_NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/;
/** Names that begin so are the bus's own. */
export const RESERVED_HEADER = 'groundwork-';
const LINE = /^[^\p{Cc}\u2028\u2029]*$/u;
const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+(;[\x20-\x7e]*)?$/;
const NAME_LENGTH_MAX = 200;
const KEY_LENGTH_MAX = 500;

/** Throws InvalidInput `messaging.invalid-message` or `messaging.message-too-large`. */
export function refuseImpossible(message: BusMessage): void {
  const { id, topic, key = '', contentType, headers = {} } = message;
  if (!ID.test(id)) throw invalid(message, 'its id is not 1 to 200 printable ASCII characters without spaces');
  if (!TOPIC.test(topic) || topic.length > NAME_LENGTH_MAX) throw invalid(message, `its topic is ${quoted(topic)}`);
  if (!LINE.test(key) || key.length > KEY_LENGTH_MAX || !key.isWellFormed()) {
    throw invalid(message, `its key is ${quoted(key)}`);
  }
  if (!MEDIA_TYPE.test(contentType)) throw invalid(message, `its content type is ${quoted(contentType)}`);
  let bytes = message.body.byteLength + Buffer.byteLength(key);
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name) || name.startsWith(RESERVED_HEADER)) {
      throw invalid(message, `a header is named ${quoted(name)}`);
    }
    if (!LINE.test(value) || value !== value.trim() || !value.isWellFormed()) {
      throw invalid(message, `its header ${name} is not one line of text without spaces around it`);
    }
    bytes += name.length + Buffer.byteLength(value);
  }
  if (bytes > MESSAGE_BYTES_MAX) throw tooLarge(message, bytes);
}

/** Throws InvalidInput `messaging.invalid-topic`. */
export function refuseImpossibleTopic(topic: string): void {
  if (PATTERN.test(topic) && topic.length <= NAME_LENGTH_MAX) return;
  throw new InvalidInput(
    'messaging.invalid-topic',
    `${quoted(topic)} is not a topic that can be subscribed to.`,
    'Use words of letters, digits, - and _ with dots between them; * stands for one word, > at the end for the rest.',
  );
}

/** Throws InvalidInput `messaging.invalid-queue-name`. */
export function refuseImpossibleQueueName(name: string): void {
  if (QUEUE_NAME.test(name) && name.length <= 100) return;
  throw new InvalidInput(
    'messaging.invalid-queue-name',
    `${quoted(name)} cannot be the name of a queue or group.`,
    'Use words of lower-case letters, digits and - with dots between them, up to 100 characters.',
  );
}

const invalid = ({ id }: BusMessage, why: string): InvalidInput =>
  new InvalidInput(
    'messaging.invalid-message',
    `Message ${quoted(id)} cannot be published: ${why}.`,
    'Correct it; what a message may hold stands at BusMessage.',
  );

const tooLarge = ({ id }: BusMessage, bytes: number): InvalidInput =>
  new InvalidInput(
    'messaging.message-too-large',
    `Message ${id} takes ${bytes} bytes; at most ${MESSAGE_BYTES_MAX} are carried.`,
    'Send where the content can be fetched instead of the content.',
    [],
    { messageId: id, bytes },
  );

const quoted = (text: string): string => JSON.stringify(text.slice(0, 100));
