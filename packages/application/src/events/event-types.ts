// The event types the program knows: their schemas, and how old data becomes new.
import { Misconfigured, InvalidInput } from '../errors.ts';
import { port } from '../port.ts';
import type { ZodType } from 'zod';

/** Turns data of one schema version into the next. Pure, total, and never changed after release. */
export type Upcaster = (data: unknown) => unknown;

export interface EventTypeDefinition {
  /** A qualified past tense: `ClientCreated`. */
  readonly type: string;
  /** The schema version that is written today, from 1. */
  readonly schemaVersion: number;
  /** Checked when an event is appended; leave out for data that is kept exactly as another system sent it. */
  readonly schema?: ZodType;
  /** One for each older version: `{ 1: from1to2, 2: from2to3 }`. */
  readonly upcasters?: Readonly<Record<number, Upcaster>>;
}
export const EventTypeDefinition = port<EventTypeDefinition>('EventTypeDefinition');

/** All event types of the program. A gap in a chain of upcasters stops the start, not the read. */
export class EventTypes {
  readonly #byType = new Map<string, EventTypeDefinition>();

  /** Throws `event-types.declared-twice` and `event-types.missing-upcaster`. */
  constructor(definitions: readonly EventTypeDefinition[]) {
    for (const definition of definitions) {
      if (this.#byType.has(definition.type)) {
        throw new Misconfigured(
          'event-types.declared-twice',
          `Two definitions declare the event type ${definition.type}.`,
          'Rename one of them.',
        );
      }
      refuseMissingHop(definition);
      this.#byType.set(definition.type, definition);
    }
  }

  /** The definition of a registered type; throws `event-types.unregistered`. */
  require(type: string): EventTypeDefinition {
    const definition = this.#byType.get(type);
    if (definition === undefined) {
      throw new InvalidInput(
        'event-types.unregistered',
        `No context declares the event type "${type.slice(0, 100)}".`,
        'Declare it in the module of the context that owns it.',
      );
    }
    return definition;
  }

  /** The definition of a type, undefined when no context declares it. */
  find(type: string): EventTypeDefinition | undefined {
    return this.#byType.get(type);
  }

  /** The data of a stored event as today's schema has it. Events of unknown types are returned as they are. */
  upcast(type: string, schemaVersion: number, data: unknown): unknown {
    const definition = this.#byType.get(type);
    if (definition === undefined) return data;
    let current = data;
    for (let version = schemaVersion; version < definition.schemaVersion; version++) {
      current = definition.upcasters![version]!(current);
    }
    return current;
  }

  /** The schema version that `data` has after `upcast`. */
  currentVersion(type: string, storedVersion: number): number {
    return Math.max(this.#byType.get(type)?.schemaVersion ?? storedVersion, storedVersion);
  }
}

function refuseMissingHop(definition: EventTypeDefinition): void {
  for (let version = 1; version < definition.schemaVersion; version++) {
    if (definition.upcasters?.[version] === undefined) {
      throw new Misconfigured(
        'event-types.missing-upcaster',
        `${definition.type} has schema version ${definition.schemaVersion}, but no upcaster from ${version} to ${version + 1}.`,
        `Add upcasters[${version}]; events of that version may be in the log.`,
      );
    }
  }
}
