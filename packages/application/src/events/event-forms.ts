// What every adapter checks before it stores an event, and the texts that go into the log.
import { streamName, type StreamId } from '@groundwork/domain';
import type { ZodSafeParseResult } from 'zod';
import { InvalidInput, VersionConflict } from '../errors.ts';
import { ExactJson, jsonTextOf, parseExactJson } from '../exact-json.ts';
import { inputIssues } from '../input-issues.ts';
import type { Append, ExpectedVersion } from '../ports/event-store.ts';
import type { NewEvent } from './event.ts';
import type { EventTypes } from './event-types.ts';

const EVENTS_PER_APPEND_MAX = 4096;
// JSON.stringify writes what cannot be stored as an escape; only then is the careful reading worth its time.
const MAYBE_UNSTORABLE = /\\u(?:0000|d[89a-f])|"(?:__proto__|constructor|prototype)"/i;

/** An event that may be stored, with the texts that go into the log. */
export interface PreparedEvent {
  readonly event: NewEvent;
  readonly schemaVersion: number;
  readonly dataText: string;
  readonly metadataText: string;
  readonly validationText: string | undefined;
}

/**
 * Checks the events of one append against their registered types and against what can be stored without bending it.
 * Throws InvalidInput: `event-store.batch-size`, `event-store.malformed-time`, `event-types.unregistered`,
 * `event-store.schema-violated`, `json.…`.
 */
export function prepareEvents(events: readonly NewEvent[], types: EventTypes): readonly PreparedEvent[] {
  if (events.length === 0 || events.length > EVENTS_PER_APPEND_MAX) {
    throw new InvalidInput(
      'event-store.batch-size',
      `An append holds 1 to ${EVENTS_PER_APPEND_MAX} events, not ${events.length}.`,
      'Split the work into several commands, or leave the append out when there is nothing to store.',
    );
  }
  return events.map((event) => prepareEvent(event, types));
}

/**
 * Throws InvalidInput: `event-store.malformed-expectation` for a number that no stream can be at, and
 * `event-store.snapshot-without-version` for a snapshot when nobody can say which events it stands for.
 */
export function refuseMalformedExpectation({ expected, snapshot }: Pick<Append, 'expected' | 'snapshot'>): void {
  if (snapshot !== undefined && (expected === 'any' || expected === 'stream-exists')) {
    throw new InvalidInput(
      'event-store.snapshot-without-version',
      `A snapshot cannot be kept by an append that expects ${expected}.`,
      'Expect the exact version that the state was loaded at, or leave the snapshot out.',
    );
  }
  if (typeof expected === 'string' || (Number.isInteger(expected) && expected >= 0)) return;
  throw new InvalidInput(
    'event-store.malformed-expectation',
    `A stream cannot be expected at version ${expected}.`,
    'Expect a whole number from 0, or one of no-stream, stream-exists and any.',
  );
}

/** Throws VersionConflict when a stream at version `actual` is not what was expected. */
export function refuseOtherVersion(stream: StreamId, expected: ExpectedVersion, actual: number): void {
  if (!isAsExpected(expected, actual)) throw new VersionConflict(streamName(stream), expected, actual);
}

function isAsExpected(expected: ExpectedVersion, actual: number): boolean {
  if (expected === 'any') return true;
  if (expected === 'no-stream') return actual === 0;
  if (expected === 'stream-exists') return actual > 0;
  return actual === expected;
}

function prepareEvent(event: NewEvent, types: EventTypes): PreparedEvent {
  const { schema, schemaVersion } = types.require(event.type);
  if (Number.isNaN(event.occurredAt.getTime())) {
    throw new InvalidInput(
      'event-store.malformed-time',
      `${event.type} says that it happened at no valid time.`,
      'Give occurredAt a valid Date.',
    );
  }
  const { text: dataText, value } = storableJson(event.data);
  if (schema !== undefined) refuseViolation(event.type, schema.safeParse(value));
  return {
    event,
    schemaVersion,
    dataText,
    metadataText: storableJson(event.metadata).text,
    validationText: event.validation === undefined ? undefined : storableJson(event.validation).text,
  };
}

function storableJson(data: unknown): { text: string; value: unknown } {
  const text = jsonTextOf(data);
  if (data instanceof ExactJson || MAYBE_UNSTORABLE.test(text)) {
    const parsed = parseExactJson(text);
    return { text, value: data instanceof ExactJson ? parsed : data };
  }
  // JSON.stringify turns NaN and Infinity into null without a word.
  if (text.includes('null')) refuseNonFinite(data);
  return { text, value: data };
}

function refuseNonFinite(value: unknown): void {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new InvalidInput(
      'json.unstorable-number',
      `JSON has no way to write ${value}.`,
      'Send a finite number or null.',
    );
  }
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(refuseNonFinite);
}

function refuseViolation(type: string, checked: ZodSafeParseResult<unknown>): void {
  if (checked.success) return;
  throw new InvalidInput(
    'event-store.schema-violated',
    `The data of ${type} does not fit its schema.`,
    'Correct the decision that makes this event, or raise the schema version and add an upcaster.',
    inputIssues(checked.error),
  );
}
