// What messages are called outside: by topic at brokers, by type in CloudEvents.
import type { OutgoingMessage } from '../ports/message-destination.ts';

/** `clients.client-updated` */
export const topicOf = ({ context, type }: Pick<OutgoingMessage, 'context' | 'type'>): string =>
  `${context}.${type.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase()}`;

/** `groundwork.clients.client-updated.v1`, with the schema version of the data. */
export const cloudEventType = (message: Pick<OutgoingMessage, 'context' | 'type' | 'schemaVersion'>): string =>
  `groundwork.${topicOf(message)}.v${message.schemaVersion}`;

/** Who tells it: the first word of the publication's name. */
export const contextOf = (publication: { readonly name: string }): string => publication.name.split('.', 1)[0]!;
