// The registry of event types: their schemas, who declares them, and how old data becomes new.
import type { ZodType } from 'zod';
import { InvalidInput, Misconfigured } from '../errors.ts';
import { port } from '../port.ts';
import { refuseUnreadable } from './upcaster-chains.ts';
import { isSplitting, type SplittingUpcaster, type Upcaster } from './upcaster.ts';

/** Data under the type and schema version that say what it means. */
export interface VersionedData {
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: unknown;
}

export interface EventTypeDefinition {
  /** A qualified past tense: `ClientCreated`. */
  readonly type: string;
  /** The package that declares it, such as `@groundwork/clients`: named when another declares the same type. */
  readonly declaredIn?: string;
  /** The schema version that is written today, from 1. */
  readonly schemaVersion: number;
  /** Checked when an event is appended; leave out for data that is kept exactly as another system sent it. */
  readonly schema?: ZodType;
  /** One for each older version: `{ 1: from1to2, 2: from2to3 }`. */
  readonly upcasters?: Readonly<Record<number, Upcaster | SplittingUpcaster>>;
  /** Nothing more is expected of a stream whose last event is of this type: in time it may be archived. */
  readonly closesStream?: boolean;
}
export const EventTypeDefinition = port<EventTypeDefinition>('EventTypeDefinition');

/** All event types of the program, found at its start. What could not be read stops the start, not the reading. */
export class EventTypes {
  readonly #byType = new Map<string, EventTypeDefinition>();
  /** By type: the highest schema version from which an upcaster splits. */
  readonly #lastSplit = new Map<string, number>();

  /**
   * Throws Misconfigured `event-types.declared-twice`, `event-types.missing-upcaster`, `event-types.unknown-part` and
   * `event-types.circular-upcasters`.
   */
  constructor(definitions: readonly EventTypeDefinition[]) {
    for (const definition of definitions) {
      const first = this.#byType.get(definition.type);
      if (first !== undefined) throw declaredTwice(first, definition);
      this.#byType.set(definition.type, definition);
    }
    refuseUnreadable(this.#byType);
    for (const { type, upcasters = {} } of definitions) {
      const splits = Object.keys(upcasters).filter((version) => isSplitting(upcasters[Number(version)]));
      if (splits.length > 0) this.#lastSplit.set(type, Math.max(...splits.map(Number)));
    }
  }

  /** Every declared type, in the order of the modules. */
  get all(): readonly EventTypeDefinition[] {
    return [...this.#byType.values()];
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

  /** The types that close a stream. */
  closing(): readonly string[] {
    return this.all.filter(({ closesStream }) => closesStream).map(({ type }) => type);
  }

  /**
   * A stored event as the schemas of today have it: one, or several where an upcaster splits it. Events of unknown
   * types are returned as they are. Throws Misconfigured `event-types.event-vanished` and
   * `event-types.undeclared-part`.
   */
  upcast(type: string, schemaVersion: number, data: unknown): readonly VersionedData[] {
    const definition = this.#byType.get(type);
    if (definition === undefined || schemaVersion >= definition.schemaVersion) return [{ type, schemaVersion, data }];
    const upcaster = definition.upcasters![schemaVersion]!;
    if (!isSplitting(upcaster)) return this.upcast(type, schemaVersion + 1, upcaster(data));
    const parts = upcaster.split(data);
    if (parts.length === 0) throw vanished(type, schemaVersion);
    return parts.flatMap((part) => {
      const version = Object.hasOwn(upcaster.into, part.type) ? upcaster.into[part.type] : undefined;
      if (version === undefined) throw undeclaredPart(type, schemaVersion, part.type);
      return this.upcast(part.type, version, part.data);
    });
  }

  /** Whether an event that was stored so goes through an upcaster that may make several events of it. */
  isSplit(type: string, schemaVersion: number): boolean {
    return schemaVersion <= (this.#lastSplit.get(type) ?? 0);
  }

  /** The types that an event may have today when it was stored so. */
  typesWithin(type: string, schemaVersion: number): readonly string[] {
    const { schemaVersion: today = 0, upcasters = {} } = this.#byType.get(type) ?? {};
    for (let version = schemaVersion; version < today; version++) {
      const upcaster = upcasters[version]!;
      if (!isSplitting(upcaster)) continue;
      return [...new Set(Object.entries(upcaster.into).flatMap((into) => this.typesWithin(...into)))];
    }
    return [type];
  }

  /** The types under which events are stored that may be read as one of these today. */
  storedAs(types: readonly string[]): readonly string[] {
    if (this.#lastSplit.size === 0) return types;
    const others = [...this.#lastSplit.keys()].filter((type) => {
      const versions = Array.from({ length: this.#lastSplit.get(type)! }, (_, index) => index + 1);
      return versions.some((version) => this.typesWithin(type, version).some((within) => types.includes(within)));
    });
    return [...new Set([...types, ...others])];
  }

  /** The schema version that data of this type has today, when it is not split. */
  currentVersion(type: string, storedVersion: number): number {
    return Math.max(this.#byType.get(type)?.schemaVersion ?? storedVersion, storedVersion);
  }
}

const declaredTwice = (first: EventTypeDefinition, second: EventTypeDefinition): Misconfigured => {
  const [one, other] = [first, second].map(({ declaredIn }) => declaredIn ?? 'a module that does not say declaredIn');
  return new Misconfigured(
    'event-types.declared-twice',
    `The event type ${first.type} is declared in ${one} and again in ${other}.`,
    'Rename one of them, or declare it in one place only.',
    { type: first.type, declaredIn: [one, other] },
  );
};

const vanished = (type: string, schemaVersion: number): Misconfigured =>
  new Misconfigured(
    'event-types.event-vanished',
    `upcasters[${schemaVersion}] of ${type} makes no event of one that was recorded.`,
    'Let split return at least one event; what models and projections should pass over is theirs to leave alone.',
  );

const undeclaredPart = (type: string, schemaVersion: number, part: string): Misconfigured =>
  new Misconfigured(
    'event-types.undeclared-part',
    `upcasters[${schemaVersion}] of ${type} makes an event ${part.slice(0, 100)}, which its \`into\` does not name.`,
    'Name it there with the schema version in which it comes: who reads that type must know where to look for it.',
  );
