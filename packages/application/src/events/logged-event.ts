// What every adapter makes of a stored event: as it stands in the log, and what it says today.
import { parseExactJson } from '../exact-json.ts';
import { mayHoldInexactNumber } from '../inexact-number.ts';
import type { LoggedEvent, RecordedEvent } from './event.ts';
import type { EventTypes, VersionedData } from './event-types.ts';

const UNLIMITED = { depthMax: Infinity, keysMax: Infinity };

/** What an adapter has read, the texts as they were stored. */
export interface StoredEvent extends Omit<LoggedEvent, 'metadata' | 'validation' | 'parts' | 'partsOf'> {
  readonly metadataText: string;
  readonly validationText: string | undefined;
}

/** A stored event, and its parts in the schemas of `types`. */
export const loggedEvent = (stored: StoredEvent, types: EventTypes): LoggedEvent => new EventOfLog(stored, types);

/** What both have in common; a text is parsed when it is first asked for: most readers look at few of them. */
class EventOfLog implements LoggedEvent {
  readonly position: LoggedEvent['position'];
  readonly tenant: LoggedEvent['tenant'];
  readonly stream: LoggedEvent['stream'];
  readonly streamVersion: LoggedEvent['streamVersion'];
  readonly id: LoggedEvent['id'];
  readonly type: LoggedEvent['type'];
  readonly schemaVersion: LoggedEvent['schemaVersion'];
  readonly source: LoggedEvent['source'];
  readonly occurredAt: LoggedEvent['occurredAt'];
  readonly recordedAt: LoggedEvent['recordedAt'];
  readonly dataText: LoggedEvent['dataText'];
  readonly #stored: StoredEvent;
  readonly #types: EventTypes;
  #metadata: LoggedEvent['metadata'] | undefined;
  #validation: LoggedEvent['validation'];
  #parts: readonly RecordedEvent[] | undefined;

  constructor(stored: StoredEvent, types: EventTypes) {
    this.position = stored.position;
    this.tenant = stored.tenant;
    this.stream = stored.stream;
    this.streamVersion = stored.streamVersion;
    this.id = stored.id;
    this.type = stored.type;
    this.schemaVersion = stored.schemaVersion;
    this.source = stored.source;
    this.occurredAt = stored.occurredAt;
    this.recordedAt = stored.recordedAt;
    this.dataText = stored.dataText;
    this.#stored = stored;
    this.#types = types;
  }

  get metadata(): LoggedEvent['metadata'] {
    this.#metadata ??= JSON.parse(this.#stored.metadataText) as LoggedEvent['metadata'];
    return this.#metadata;
  }

  get validation(): LoggedEvent['validation'] {
    const { validationText } = this.#stored;
    if (validationText !== undefined) this.#validation ??= JSON.parse(validationText) as LoggedEvent['validation'];
    return this.#validation;
  }

  get parts(): readonly RecordedEvent[] {
    this.#parts ??= this.#read();
    return this.#parts;
  }

  partsOf(types: readonly string[]): readonly RecordedEvent[] {
    const { type, schemaVersion } = this;
    if (!this.#types.isSplit(type, schemaVersion)) return types.includes(type) ? this.parts : [];
    if (!this.#types.typesWithin(type, schemaVersion).some((within) => types.includes(within))) return [];
    return this.parts.filter((part) => types.includes(part.type));
  }

  #read(): readonly RecordedEvent[] {
    const { type, schemaVersion } = this;
    const read = (): readonly VersionedData[] => this.#types.upcast(type, schemaVersion, parsedData(this.dataText));
    if (this.#types.isSplit(type, schemaVersion)) {
      return read().map((part, index) => new PartOfEvent(this, index, part.type, part.schemaVersion, () => part.data));
    }
    const today = this.#types.currentVersion(type, schemaVersion);
    return [new PartOfEvent(this, 0, type, today, () => read()[0]!.data)];
  }
}

class PartOfEvent implements RecordedEvent {
  readonly position: RecordedEvent['position'];
  readonly tenant: RecordedEvent['tenant'];
  readonly stream: RecordedEvent['stream'];
  readonly streamVersion: RecordedEvent['streamVersion'];
  readonly id: RecordedEvent['id'];
  readonly part: number;
  readonly type: string;
  readonly schemaVersion: number;
  readonly source: RecordedEvent['source'];
  readonly occurredAt: RecordedEvent['occurredAt'];
  readonly recordedAt: RecordedEvent['recordedAt'];
  readonly dataText: RecordedEvent['dataText'];
  readonly #event: LoggedEvent;
  readonly #read: () => unknown;
  #data: unknown;
  #isRead = false;

  constructor(event: LoggedEvent, part: number, type: string, schemaVersion: number, read: () => unknown) {
    this.position = event.position;
    this.tenant = event.tenant;
    this.stream = event.stream;
    this.streamVersion = event.streamVersion;
    this.id = event.id;
    this.part = part;
    this.type = type;
    this.schemaVersion = schemaVersion;
    this.source = event.source;
    this.occurredAt = event.occurredAt;
    this.recordedAt = event.recordedAt;
    this.dataText = event.dataText;
    this.#event = event;
    this.#read = read;
  }

  get metadata(): RecordedEvent['metadata'] {
    return this.#event.metadata;
  }

  get validation(): RecordedEvent['validation'] {
    return this.#event.validation;
  }

  get data(): unknown {
    if (!this.#isRead) {
      this.#data = this.#read();
      this.#isRead = true;
    }
    return this.#data;
  }
}

const parsedData = (text: string): unknown =>
  mayHoldInexactNumber(text) ? parseExactJson(text, UNLIMITED) : JSON.parse(text);
