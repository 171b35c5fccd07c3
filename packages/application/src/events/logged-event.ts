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

/** A text is parsed when it is first asked for, and nothing is copied: most readers look at few of them. */
class EventOfLog implements LoggedEvent {
  readonly #stored: StoredEvent;
  readonly #types: EventTypes;
  #metadata: LoggedEvent['metadata'] | undefined;
  #validation: LoggedEvent['validation'];
  #parts: readonly RecordedEvent[] | undefined;

  constructor(stored: StoredEvent, types: EventTypes) {
    this.#stored = stored;
    this.#types = types;
  }

  get position(): LoggedEvent['position'] {
    return this.#stored.position;
  }

  get tenant(): LoggedEvent['tenant'] {
    return this.#stored.tenant;
  }

  get stream(): LoggedEvent['stream'] {
    return this.#stored.stream;
  }

  get streamVersion(): LoggedEvent['streamVersion'] {
    return this.#stored.streamVersion;
  }

  get id(): LoggedEvent['id'] {
    return this.#stored.id;
  }

  get type(): LoggedEvent['type'] {
    return this.#stored.type;
  }

  get schemaVersion(): LoggedEvent['schemaVersion'] {
    return this.#stored.schemaVersion;
  }

  get source(): LoggedEvent['source'] {
    return this.#stored.source;
  }

  get occurredAt(): LoggedEvent['occurredAt'] {
    return this.#stored.occurredAt;
  }

  get recordedAt(): LoggedEvent['recordedAt'] {
    return this.#stored.recordedAt;
  }

  get dataText(): LoggedEvent['dataText'] {
    return this.#stored.dataText;
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
  readonly part: number;
  readonly type: string;
  readonly schemaVersion: number;
  readonly #event: LoggedEvent;
  readonly #read: () => unknown;
  #data: unknown;
  #isRead = false;

  constructor(event: LoggedEvent, part: number, type: string, schemaVersion: number, read: () => unknown) {
    this.part = part;
    this.type = type;
    this.schemaVersion = schemaVersion;
    this.#event = event;
    this.#read = read;
  }

  get position(): RecordedEvent['position'] {
    return this.#event.position;
  }

  get tenant(): RecordedEvent['tenant'] {
    return this.#event.tenant;
  }

  get stream(): RecordedEvent['stream'] {
    return this.#event.stream;
  }

  get streamVersion(): RecordedEvent['streamVersion'] {
    return this.#event.streamVersion;
  }

  get id(): RecordedEvent['id'] {
    return this.#event.id;
  }

  get source(): RecordedEvent['source'] {
    return this.#event.source;
  }

  get occurredAt(): RecordedEvent['occurredAt'] {
    return this.#event.occurredAt;
  }

  get recordedAt(): RecordedEvent['recordedAt'] {
    return this.#event.recordedAt;
  }

  get dataText(): RecordedEvent['dataText'] {
    return this.#event.dataText;
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
