// How the state of an aggregate is kept beside its events: how often, in which shape, and which kept states are used.
import type { ZodType } from 'zod';
import { Misconfigured } from '../errors.ts';
import type { SchemaVersions, Snapshot } from '../ports/event-store.ts';

/** Turns a kept state of one schema version into the next. Pure, and never changed after release. */
export type SnapshotUpcaster = (state: unknown) => unknown;

export interface SnapshotPolicy<State> {
  /** Written today, from 1. Raise it when State changes, or what `evolve` makes of events. */
  readonly schemaVersion: number;
  /** The append with which a stream reaches or passes a multiple of this many events keeps the state it leads to. */
  readonly everyEvents: number;
  /** What a kept state has to look like, read from JSON: decode here what JSON cannot hold, such as times. */
  readonly schema: ZodType<State>;
  /**
   * From older schema versions to today's, without a gap: `{ 2: from2to3 }` uses what was kept under 2, and leaves
   * what was kept under 1 aside. Without upcasters every older snapshot is left aside.
   */
  readonly upcasters?: Readonly<Record<number, SnapshotUpcaster>>;
}

/**
 * A snapshot is a hint: a load that finds none it can use replays the events. It is never handed to the model as it was
 * kept under another schema version.
 */
export class Snapshots<State> {
  readonly #policy: SnapshotPolicy<State>;
  /** Those that lead to today's state. */
  readonly schemaVersions: SchemaVersions;

  /** Throws Misconfigured `snapshots.malformed-policy` and `snapshots.missing-upcaster`. */
  constructor(policy: SnapshotPolicy<State>) {
    const { schemaVersion, everyEvents, upcasters = {} } = policy;
    for (const [name, value] of Object.entries({ schemaVersion, everyEvents })) {
      if (!Number.isInteger(value) || value < 1) throw malformedPolicy(name, value);
    }
    this.#policy = policy;
    this.schemaVersions = { from: Math.min(schemaVersion, ...Object.keys(upcasters).map(Number)), to: schemaVersion };
    for (let version = this.schemaVersions.from; version < schemaVersion; version++) {
      if (upcasters[version] === undefined) throw missingUpcaster(version, schemaVersion);
    }
  }

  /** Whether a stream that grows from `before` to `after` events is due for a snapshot. */
  isDue(before: number, after: number): boolean {
    const { everyEvents } = this.#policy;
    return Math.floor(after / everyEvents) > Math.floor(before / everyEvents);
  }

  /** The state as it is kept; undefined when JSON or the schema would not give it back. */
  of(state: State): Snapshot | undefined {
    const { schemaVersion } = this.#policy;
    try {
      const snapshot = { schemaVersion, stateText: JSON.stringify(state) };
      return this.stateOf(snapshot) === undefined ? undefined : snapshot;
    } catch {
      return undefined;
    }
  }

  /** The state of today behind a snapshot; undefined when it cannot be used, whatever is wrong with it. */
  stateOf({ schemaVersion, stateText }: Snapshot): { readonly state: State } | undefined {
    const { from, to } = this.schemaVersions;
    if (schemaVersion < from || schemaVersion > to) return undefined;
    try {
      let state: unknown = JSON.parse(stateText);
      for (let version = schemaVersion; version < to; version++) state = this.#policy.upcasters![version]!(state);
      return { state: this.#policy.schema.parse(state) };
    } catch {
      return undefined;
    }
  }
}

const malformedPolicy = (name: string, value: number): Misconfigured =>
  new Misconfigured(
    'snapshots.malformed-policy',
    `A snapshot policy has ${name} ${value}.`,
    'Give a whole number from 1, or leave the policy out: then no snapshots are taken.',
  );

const missingUpcaster = (version: number, schemaVersion: number): Misconfigured =>
  new Misconfigured(
    'snapshots.missing-upcaster',
    `Snapshots have schema version ${schemaVersion}, but no upcaster leads from ${version} to ${version + 1}.`,
    `Add upcasters[${version}], or remove the older ones: what they would read is then rebuilt from events.`,
  );
