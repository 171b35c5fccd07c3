// The two borders of the log: what every adapter checks before it stores an event, and what it makes of a stored one.
import { streamName, type StreamId } from '@groundwork/domain';
import type { ZodSafeParseResult } from 'zod';
import { InvalidInput, VersionConflict } from '../errors.ts';
import { ExactJson, jsonTextOf, parseExactJson } from '../exact-json.ts';
import { inputIssues } from '../input-issues.ts';
import type { Append, ExpectedVersion } from '../ports/event-store.ts';
import type { NewEvent, RecordedEvent } from './event.ts';
import type { EventTypes } from './event-types.ts';

const EVENTS_PER_APPEND_MAX = 4096;
const UNLIMITED = { depthMax: Infinity, keysMax: Infinity };
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

/** What an adapter has read, the texts as they were stored; `schemaVersion` is the stored one. */
export interface StoredEvent extends Omit<RecordedEvent, 'data' | 'metadata' | 'validation'> {
  readonly metadataText: string;
  readonly validationText: string | undefined;
}

/** A stored event in today's schema. */
export const recordedEvent = (stored: StoredEvent, types: EventTypes): RecordedEvent => new ReadEvent(stored, types);

/** Parses a text when it is first asked for: most readers look at few of them. */
class ReadEvent implements RecordedEvent {
  readonly position: RecordedEvent['position'];
  readonly tenant: RecordedEvent['tenant'];
  readonly stream: RecordedEvent['stream'];
  readonly streamVersion: RecordedEvent['streamVersion'];
  readonly id: RecordedEvent['id'];
  readonly type: RecordedEvent['type'];
  readonly schemaVersion: RecordedEvent['schemaVersion'];
  readonly source: RecordedEvent['source'];
  readonly occurredAt: RecordedEvent['occurredAt'];
  readonly recordedAt: RecordedEvent['recordedAt'];
  readonly dataText: RecordedEvent['dataText'];
  readonly #stored: StoredEvent;
  readonly #types: EventTypes;
  #metadata: RecordedEvent['metadata'] | undefined;
  #validation: RecordedEvent['validation'];
  #data: unknown;
  #isParsed = false;

  constructor(stored: StoredEvent, types: EventTypes) {
    this.position = stored.position;
    this.tenant = stored.tenant;
    this.stream = stored.stream;
    this.streamVersion = stored.streamVersion;
    this.id = stored.id;
    this.type = stored.type;
    this.schemaVersion = types.currentVersion(stored.type, stored.schemaVersion);
    this.source = stored.source;
    this.occurredAt = stored.occurredAt;
    this.recordedAt = stored.recordedAt;
    this.dataText = stored.dataText;
    this.#stored = stored;
    this.#types = types;
  }

  get metadata(): RecordedEvent['metadata'] {
    this.#metadata ??= JSON.parse(this.#stored.metadataText) as RecordedEvent['metadata'];
    return this.#metadata;
  }

  get validation(): RecordedEvent['validation'] {
    const { validationText } = this.#stored;
    if (validationText !== undefined) this.#validation ??= JSON.parse(validationText) as RecordedEvent['validation'];
    return this.#validation;
  }

  get data(): unknown {
    if (!this.#isParsed) {
      const { type, schemaVersion, dataText } = this.#stored;
      this.#data = this.#types.upcast(type, schemaVersion, parsedData(dataText));
      this.#isParsed = true;
    }
    return this.#data;
  }
}

// A double keeps any number of up to fifteen digits. Only a longer one, or one with an exponent, has to be read with
// care, which takes nine times as long (5.9 against 0.65 µs for 300 bytes).
const MAYBE_INEXACT = /[\d.]{16}|[:,[\s]-?\d+(?:\.\d+)?[eE]/;

const parsedData = (text: string): unknown =>
  MAYBE_INEXACT.test(text) ? parseExactJson(text, UNLIMITED) : JSON.parse(text);

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
