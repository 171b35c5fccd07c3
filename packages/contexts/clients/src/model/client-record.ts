// A record that Salesforce owns and we follow: what may happen to it, and what it means for what we know of it.
import { Refusal, type Decider, type DomainEvent } from '@groundwork/domain';
import type { ChangeKind } from './change-event.ts';

// Events. What changed is in the payload that is stored with them, exactly as it came; the rules need only the type.
const HAPPENINGS = ['Created', 'Updated', 'Deleted', 'Restored', 'GapDetected', 'RefetchRequested'] as const;
export type Happening = (typeof HAPPENINGS)[number];
export type RecordEvent = DomainEvent<`${string}${Happening}`, null>;

/** An event of the stream as the rules look at it: they need its type only, and its payload need not be parsed. */
export const recordEventOf = ({ type }: { readonly type: string }): RecordEvent =>
  ({ type, data: null }) as RecordEvent;

/** `ClientCreated`, `ClientUpdated` … for the noun `Client`. */
export const recordEventTypes = (noun: string): readonly `${string}${Happening}`[] =>
  HAPPENINGS.map((happening) => `${noun}${happening}` as const);

/** What happened, whichever kind of record it happened to; undefined for types of other models. */
export const happeningOf = (eventType: string): Happening | undefined =>
  HAPPENINGS.find((happening) => eventType.endsWith(happening));

// State.
export interface RecordState {
  readonly existence: 'unknown' | 'known' | 'deleted';
  /** A change may arrive before the creation it builds on; until then only what the changes said is known. */
  readonly creation: 'awaited' | 'seen';
  /** Marked when Salesforce told that something happened but not what, or when an operator asked for it. */
  readonly refetch: 'none' | 'marked';
}

const INITIAL: RecordState = { existence: 'unknown', creation: 'awaited', refetch: 'none' };

function evolve(state: RecordState, event: RecordEvent): RecordState {
  switch (happeningOf(event.type)) {
    case 'Created':
      return { ...state, creation: 'seen', existence: state.existence === 'deleted' ? 'deleted' : 'known' };
    case 'Updated':
      return { ...state, existence: state.existence === 'deleted' ? 'deleted' : 'known' };
    case 'Deleted':
      return { ...state, existence: 'deleted' };
    case 'Restored':
      return { ...state, existence: 'known' };
    case 'GapDetected':
      return { ...state, existence: state.existence === 'deleted' ? 'deleted' : 'known', refetch: 'marked' };
    case 'RefetchRequested':
      return { ...state, refetch: 'marked' };
    case undefined:
      return state;
  }
}

// Commands.
/** What can happen to one record; an overflow is about none in particular. */
export type RecordChangeKind = Exclude<ChangeKind, 'GAP_OVERFLOW'>;
export type RecordCommand =
  { readonly type: 'record-change'; readonly kind: RecordChangeKind } | { readonly type: 'request-refetch' };

const HAPPENING_OF_KIND: Readonly<Record<RecordChangeKind, Happening>> = {
  CREATE: 'Created',
  UPDATE: 'Updated',
  DELETE: 'Deleted',
  UNDELETE: 'Restored',
  GAP_CREATE: 'GapDetected',
  GAP_UPDATE: 'GapDetected',
  GAP_DELETE: 'GapDetected',
  GAP_UNDELETE: 'GapDetected',
};

/** The type of the event that a change of this kind leads to: `ClientUpdated`. */
export const recordEventType = (noun: string, kind: RecordChangeKind): `${string}${Happening}` =>
  `${noun}${HAPPENING_OF_KIND[kind]}`;

/**
 * Whether the record has to be fetched from Salesforce once this change is stored: it tells of a record we have not
 * seen created, or that something happened without saying what.
 */
export const needsBackfill = (kind: RecordChangeKind, before: RecordState): boolean =>
  kind.startsWith('GAP_') || (kind !== 'CREATE' && before.creation === 'awaited');

/**
 * The rules for records of one kind, whose event types begin with `noun`. A change is never dropped: only a second
 * creation is refused (`client.already-exists`, `record.already-exists` for other kinds).
 */
export function recordDecider(noun: string): Decider<RecordCommand, RecordState, RecordEvent> {
  return {
    initialState: INITIAL,
    evolve,
    decide(command, state) {
      if (command.type === 'request-refetch') return decideRefetch(noun, state);
      if (command.kind === 'CREATE' && state.creation === 'seen') throw alreadyExists(noun, state);
      return [{ type: recordEventType(noun, command.kind), data: null }];
    },
  };
}

/** The rules for clients. */
export const clientRecord = recordDecider('Client');

function decideRefetch(noun: string, state: RecordState): readonly RecordEvent[] {
  if (state.existence === 'unknown') {
    throw new Refusal(
      'client.nothing-to-refetch',
      'Nothing has been heard of this record yet.',
      'Check the id, or wait for the first change event of the record.',
    );
  }
  return state.refetch === 'marked' ? [] : [{ type: `${noun}RefetchRequested`, data: null }];
}

function alreadyExists(noun: string, { existence }: RecordState): Refusal {
  const happened = `The ${noun.toLowerCase()} was created before${existence === 'deleted' ? ' and is deleted' : ''}.`;
  const next = 'Nothing needs to be done for a repeated message; otherwise send the change as UPDATE or UNDELETE.';
  return noun === 'Client'
    ? new Refusal('client.already-exists', happened, next)
    : new Refusal('record.already-exists', happened, next);
}
