// Read models and the progress of their projections in memory: the twin of the PostgreSQL projection store.
import { randomUUID } from 'node:crypto';
import {
  Conflict,
  liveName,
  Misconfigured,
  type Clock,
  type CommandStore,
  type DeadLetters,
  type NewCommand,
  type ParkedStream,
  type Projection,
  type ProjectionProgress,
  type ProjectionState,
  type ProjectionStore,
  type ProjectionTransaction,
  type ReadModels,
  type Row,
  type Slice,
  type StreamKey,
  type LogSubscription,
  type TenantRow,
} from '@groundwork/application';
import { outdated } from '../outdated-read-model.ts';
import { countLostOwner, NO_LOSSES, type Losses } from './lost-owners.ts';
import { sliceOfStream } from './memory-event-store.ts';
import { checkpointMoved, locked } from './slice-lock.ts';
import { refuseUnfitRow } from './row-check.ts';
import { upsertRows, versionOf } from './row-merge.ts';

export interface SliceState extends Losses {
  owner: string | undefined;
  leaseUntilMs: number;
  updatedAt: Date;
  /** Settles when nobody is at work on the slice: the row lock of the twin. */
  unlocked: Promise<void>;
}

/** What is known of a projection. Rows are kept by tenant and key. */
export interface KnownProjection {
  schemaVersion: number;
  state: ProjectionState;
  slices: SliceState[];
  parked: readonly ParkedStream[];
  rows: Map<string, Row>;
}

/** What a transaction has done so far; nobody else sees it before the end. */
interface Changes {
  readonly rows: Map<string, Row | undefined>;
  /** By id; undefined for a stream that is no longer parked. */
  readonly parked: Map<string, ParkedStream | undefined>;
  readonly commands: NewCommand[];
}

/** Keeps read models as long as the process lives. Not for production: nothing survives the end of the process. */
export class MemoryProjectionStore implements ProjectionStore, DeadLetters, ReadModels {
  readonly #clock: Clock;
  readonly #commands: Pick<CommandStore, 'accept'>;
  /** By name; those that are built beside a live one under the name of the build. */
  readonly projections = new Map<string, KnownProjection>();

  constructor(clock: Clock, commands: Pick<CommandStore, 'accept'>) {
    this.#clock = clock;
    this.#commands = commands;
  }

  async register(projection: LogSubscription, slices: number, after = 0n): Promise<void> {
    if (this.projections.has(projection.name)) return;
    const known = unbegunProjection(projection.schemaVersion, slices, this.#clock.now(), after);
    this.projections.set(projection.name, known);
  }

  async lease(
    projection: LogSubscription,
    owner: string,
    leaseMs: number,
    sliceCountMax: number,
  ): Promise<readonly Slice[]> {
    const known = this.#known(projection.name);
    if (known.state !== 'running' || known.schemaVersion !== projection.schemaVersion) return [];
    const nowMs = this.#clock.now().getTime();
    const held = known.slices.filter((slice) => slice.owner === owner);
    for (const surplus of held.splice(sliceCountMax)) surplus.owner = undefined;
    const free = known.slices.filter((slice) => slice.owner === undefined || slice.leaseUntilMs <= nowMs);
    for (const slice of free.filter((candidate) => !held.includes(candidate)).slice(0, sliceCountMax - held.length)) {
      if (slice.owner !== undefined) countLostOwner(slice);
      slice.owner = owner;
      slice.epoch++;
      held.push(slice);
    }
    for (const slice of held) slice.leaseUntilMs = nowMs + leaseMs;
    return known.slices.flatMap((slice, index) => (held.includes(slice) ? [sliceOf(projection, known, index)] : []));
  }

  async renew(projection: LogSubscription, owner: string, leaseMs: number): Promise<void> {
    const held = this.#known(projection.name).slices.filter((one) => one.owner === owner);
    for (const slice of held) slice.leaseUntilMs = this.#clock.now().getTime() + leaseMs;
  }

  async suspect(slice: Slice, position: bigint, ownersLost: number): Promise<Slice> {
    const state = this.#known(slice.projection).slices[slice.slice]!;
    if (state.epoch !== slice.epoch) throw checkpointMoved(slice, state);
    Object.assign(state, { suspect: position, ownersLost, trialEpoch: state.epoch });
    return { ...slice, suspect: position, ownersLost };
  }

  async releaseAll(owner: string): Promise<void> {
    for (const { slices } of this.projections.values()) {
      for (const slice of slices) if (slice.owner === owner) slice.owner = undefined;
    }
  }

  async advance(
    projection: LogSubscription,
    slice: Slice,
    to: bigint,
    work: (tx: ProjectionTransaction) => Promise<void>,
  ): Promise<Slice> {
    const known = this.#known(projection.name);
    const state = known.slices[slice.slice]!;
    return locked([state], async () => {
      if (state.position !== slice.position || state.epoch !== slice.epoch) throw checkpointMoved(slice, state);
      await this.#committed(projection, slice, known, work);
      state.position = to;
      state.updatedAt = this.#clock.now();
      return sliceOf(projection, known, slice.slice);
    });
  }

  /** What the work changes takes effect at its end, or not at all. */
  async #committed(
    projection: LogSubscription,
    slice: Slice,
    known: KnownProjection,
    work: (tx: ProjectionTransaction) => Promise<void>,
  ): Promise<void> {
    const changes: Changes = { rows: new Map(), parked: new Map(), commands: [] };
    await work(this.#transaction(projection, slice, known, changes));
    for (const [key, row] of changes.rows) {
      if (row === undefined) known.rows.delete(key);
      else known.rows.set(key, row);
    }
    known.parked = withChanges(known.parked, changes);
    for (const command of changes.commands) await this.#commands.accept(command).catch(unlessKnown);
  }

  async holdSlice(
    projection: Projection,
    stream: StreamKey,
    work: (tx: ProjectionTransaction, slice: Slice) => Promise<void>,
  ): Promise<boolean> {
    const known = this.projections.get(projection.name);
    if (known === undefined) return false;
    if (known.schemaVersion !== projection.schemaVersion) throw outdated(projection, known.schemaVersion);
    const index = sliceOfStream(stream, known.slices.length);
    const state = known.slices[index]!;
    return locked([state], async () => {
      const slice = sliceOf(projection, known, index);
      await this.#committed(projection, slice, known, (tx) => work(tx, slice));
      // Whoever leases it meanwhile has looked at the parked streams too early.
      state.epoch++;
      return true;
    });
  }

  async upsert(
    projection: Projection,
    slice: Slice,
    to: bigint,
    rows: readonly TenantRow[],
  ): Promise<Slice | undefined> {
    const isParked = this.#known(projection.name).parked.some((parked) => parked.slice === slice.slice);
    if (isParked && rows.length > 0) return undefined;
    return this.advance(projection, slice, to, (tx) => upsertRows(tx, projection, rows));
  }

  async pass(projection: LogSubscription, slices: readonly Slice[], to: bigint): Promise<readonly Slice[]> {
    const moves = slices.map((slice) => this.advance(projection, slice, to, async () => undefined).catch(() => []));
    return (await Promise.all(moves)).flat();
  }

  async progress(projection?: string): Promise<readonly ProjectionProgress[]> {
    return [...this.projections]
      .filter(([name]) => (projection === undefined ? liveName(name) === name : name === projection))
      .map(([name, { schemaVersion, state, slices, parked }]) => ({
        projection: name,
        schemaVersion,
        state,
        slices: slices.map(({ position, owner, updatedAt }, slice) => ({
          slice,
          position,
          // Log and read models end with the same process: none of them is ever restored.
          isAheadOfLog: false,
          owner,
          updatedAt,
        })),
        parked: parked.length,
      }));
  }

  async setState(projection: string, state: 'running' | 'paused'): Promise<void> {
    const known = this.projections.get(projection);
    if (known !== undefined) known.state = state;
  }

  async list(
    tenant: string,
    { projection, limit, after }: { projection?: string; limit: number; after?: string },
  ): Promise<readonly ParkedStream[]> {
    const all = [...this.projections.values()]
      .flatMap(({ parked }) => parked)
      .filter(({ stream }) => stream.tenant === tenant)
      .filter((parked) => projection === undefined || parked.projection === projection)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    return all.filter(({ id }) => after === undefined || id > after).slice(0, limit);
  }

  async count(tenant: string, projection: string): Promise<number> {
    return (this.projections.get(projection)?.parked ?? []).filter(({ stream }) => stream.tenant === tenant).length;
  }

  async get(tenant: string, id: string): Promise<ParkedStream | undefined> {
    return (await this.list(tenant, { limit: Infinity })).find((parked) => parked.id === id);
  }

  async decide(tenant: string, id: string, decision: 'retry' | 'discard'): Promise<ParkedStream | undefined> {
    for (const known of this.projections.values()) {
      const found = known.parked.find((parked) => parked.id === id && parked.stream.tenant === tenant);
      if (found === undefined) continue;
      const decided: ParkedStream = { ...found, decision };
      known.parked = known.parked.map((parked) => (parked === found ? decided : parked));
      return decided;
    }
    return undefined;
  }

  async find(projection: Projection, tenant: string, key: string): Promise<Row | undefined> {
    return this.projections.get(projection.name)?.rows.get(rowKey(tenant, key));
  }

  async withoutTable(): Promise<readonly Projection[]> {
    return [];
  }

  /** The rows of a tenant's read model, in the order of their keys. */
  rows(projection: Projection, tenant: string): readonly Row[] {
    return [...this.#known(projection.name).rows]
      .filter(([key]) => key.startsWith(`${tenant}/`))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, row]) => row);
  }

  #transaction(
    projection: LogSubscription,
    slice: Slice,
    known: KnownProjection,
    changes: Changes,
  ): ProjectionTransaction {
    const rowAt = (at: string): Row | undefined => (changes.rows.has(at) ? changes.rows.get(at) : known.rows.get(at));
    return {
      parked: async () => withChanges(known.parked, changes).filter((parked) => parked.slice === slice.slice),
      load: async (tenant, keys) => {
        const found = keys.map((key) => [key, rowAt(rowKey(tenant, key))] as const);
        return new Map(found.filter((entry): entry is readonly [string, Row] => entry[1] !== undefined));
      },
      store: async (tenant, rows, removedKeys) => {
        for (const row of rows) {
          refuseUnfitRow(projection.table!, row);
          const at = rowKey(tenant, String(row[projection.table!.key]));
          if (versionOf(rowAt(at)) <= versionOf(row)) changes.rows.set(at, { ...row });
        }
        for (const key of removedKeys) changes.rows.set(rowKey(tenant, key), undefined);
      },
      park: async (parked) => {
        const before = withChanges(known.parked, changes).find((other) => isSameStream(other.stream, parked.stream));
        const { id, parkedAt } = before ?? { id: randomUUID(), parkedAt: this.#clock.now() };
        changes.parked.set(id, { ...parked, id, parkedAt, decision: parked.decision });
      },
      unpark: async (id) => {
        changes.parked.set(id, undefined);
      },
      accept: async (commands) => {
        changes.commands.push(...commands);
      },
    };
  }

  #known(name: string): KnownProjection {
    const known = this.projections.get(name);
    if (known !== undefined) return known;
    throw new Misconfigured(
      'projection.unregistered',
      `Nobody registered the projection ${name}.`,
      'Register it before use.',
    );
  }
}

export const unbegunProjection = (
  schemaVersion: number,
  slices: number,
  updatedAt: Date,
  position = 0n,
): KnownProjection => ({
  schemaVersion,
  state: 'running',
  slices: Array.from({ length: slices }, () => ({
    position,
    epoch: 0,
    owner: undefined,
    leaseUntilMs: 0,
    ...NO_LOSSES,
    updatedAt,
    unlocked: Promise.resolve(),
  })),
  parked: [],
  rows: new Map(),
});

function withChanges(parked: readonly ParkedStream[], { parked: changed }: Changes): readonly ParkedStream[] {
  const others = parked.filter(({ id }) => !changed.has(id));
  return [...others, ...[...changed.values()].filter((one) => one !== undefined)];
}

const sliceOf = (projection: LogSubscription, { slices }: KnownProjection, slice: number): Slice => ({
  projection: projection.name,
  slice,
  slices: slices.length,
  position: slices[slice]!.position,
  epoch: slices[slice]!.epoch,
  ownersLost: slices[slice]!.ownersLost,
  suspect: slices[slice]!.suspect,
});

/** A command whose key is known stays as it is, also when today's projection would word it otherwise. */
function unlessKnown(error: unknown): void {
  if (!(error instanceof Conflict)) throw error;
}

const rowKey = (tenant: string, key: string): string => `${tenant}/${key}`;

export const isSameStream = (a: StreamKey, b: StreamKey): boolean =>
  a.tenant === b.tenant && a.type === b.type && a.id === b.id;
