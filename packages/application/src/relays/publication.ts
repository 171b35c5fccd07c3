// What a context tells other systems: of which events, in which words.
import type { z } from 'zod';
import type { RecordedEvent } from '../events/event.ts';
import { port } from '../port.ts';

/** A kind of message as receivers know it. */
export interface MessageDefinition {
  /** What happened: `ClientUpdated`. */
  readonly type: string;
  /** Of the data; grows when receivers have to read it otherwise. */
  readonly schemaVersion: number;
  readonly summary: string;
  readonly data: z.ZodType;
}

/** What is told of an event. */
export interface Announcement {
  readonly type: string;
  readonly data: unknown;
}

export interface Publication<State = unknown> {
  /** `context.noun`, such as `clients.announcements`. A new name is a new publication, sent from its start on. */
  readonly name: string;
  readonly eventTypes: readonly string[];
  /** All that it may tell. */
  readonly messages: readonly MessageDefinition[];
  /** The state of a stream, where it decides what is told: folded from all its events of these types, and pure. */
  readonly state?: {
    readonly initial: State;
    evolve(state: State, event: RecordedEvent): State;
  };
  /** What is told of the event, in order, which may be nothing. Pure: a repeated message is the same message. */
  announce(event: RecordedEvent, before: State, after: State): readonly Announcement[];
}
/** Multi-bound. */
export const Publication = port<Publication>('Publication');
