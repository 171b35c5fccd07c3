// A publication on its way to one destination: a subscription whose effect is elsewhere.
import { Misconfigured } from '../errors.ts';
import type { EventTypes } from '../events/event-types.ts';
import type { MessageDestination } from '../ports/message-destination.ts';
import type { LogSubscription } from '../projections/log-subscription.ts';
import { port } from '../port.ts';
import type { Publication } from './publication.ts';

/** Where a relay begins that nobody has run before. */
export type RelayStart = 'beginning' | 'now';

export interface Relay extends LogSubscription {
  readonly publication: Publication;
  readonly destination: MessageDestination;
  readonly startAt: RelayStart;
}

/** Those of the program. */
export type Relays = readonly Relay[];
export const Relays = port<Relays>('Relays');

/** Stands between publication and destination: `clients.announcements@eventbridge`. */
const RELAY_MARK = '@';

// What was sent is not sent again because a program is newer: no version of a relay asks for a rebuild.
const SCHEMA_VERSION = 1;

/**
 * Every publication to every destination. Throws Misconfigured `publication.declared-twice` and
 * `publication.unknown-event-type`.
 */
export function relaysOf(
  publications: readonly Publication[],
  destinations: readonly MessageDestination[],
  { types, startAt }: { readonly types: EventTypes; readonly startAt: RelayStart },
): Relays {
  for (const [index, { name, eventTypes }] of publications.entries()) {
    if (publications.findIndex((other) => other.name === name) !== index) throw declaredTwice(name);
    for (const type of eventTypes) if (types.find(type) === undefined) throw unknownEventType(name, type);
  }
  return publications.flatMap((publication) =>
    destinations.map((destination) => ({
      name: `${publication.name}${RELAY_MARK}${destination.name}`,
      schemaVersion: SCHEMA_VERSION,
      eventTypes: publication.eventTypes,
      publication,
      destination,
      startAt,
    })),
  );
}

/** Whether this is what a relay is called among all that follow the log. */
export const isRelayName = (name: string): boolean => name.includes(RELAY_MARK);

export const isRelay = (subscription: LogSubscription): subscription is Relay => 'publication' in subscription;

const declaredTwice = (name: string): Misconfigured =>
  new Misconfigured(
    'publication.declared-twice',
    `Two publications are called ${name}: they would share one checkpoint.`,
    'Rename one of them.',
    { publication: name },
  );

const unknownEventType = (name: string, type: string): Misconfigured =>
  new Misconfigured(
    'publication.unknown-event-type',
    `${name} tells of the event type ${type}, which no context declares: it would never come.`,
    'Correct the name, or bind its EventTypeDefinition in the module of the context that owns it.',
    { publication: name, eventType: type },
  );
