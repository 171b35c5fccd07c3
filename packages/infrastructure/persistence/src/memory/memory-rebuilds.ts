// Rebuilds in memory: the twin of the PostgreSQL rebuilds.
import {
  buildName,
  pause,
  SAMPLE_COUNT_MAX,
  type Clock,
  type ParkedStream,
  type Projection,
  type Rebuild,
  type RebuildComparison,
  type RebuildKind,
  type Rebuilds,
  type Row,
  type RowDifference,
} from '@groundwork/application';
import { isDeepStrictEqual } from 'node:util';
import { nothingToRollBack, rebuildOpen, unknownProjection } from '../unmade-rebuild.ts';
import { NO_LOSSES } from './lost-owners.ts';
import { unbegunProjection, type KnownProjection, type MemoryProjectionStore } from './memory-projection-store.ts';
import { locked } from './slice-lock.ts';

const HOLD_MS_MAX = 2_000;
const LOOK_INTERVAL_MS = 1;

type Made = { -readonly [Field in keyof Rebuild]: Rebuild[Field] };

interface TenantDifference extends RowDifference {
  readonly tenant: string;
}

export class MemoryRebuilds implements Rebuilds {
  readonly #clock: Clock;
  readonly #store: MemoryProjectionStore;
  readonly #rebuilds: Made[] = [];
  readonly #differences = new Map<number, readonly TenantDifference[]>();

  constructor(clock: Clock, store: MemoryProjectionStore) {
    this.#clock = clock;
    this.#store = store;
  }

  /** Rows have no shape here: a repair is a rebuild. */
  async begin({ name, schemaVersion }: Projection, { isShadow }: RebuildKind): Promise<Rebuild> {
    const live = this.#store.projections.get(name);
    if (live === undefined) throw unknownProjection(name);
    const past = this.#rebuilds.filter(({ projection }) => projection === name);
    if (past.some(isOpen)) throw rebuildOpen(name);
    for (const rebuild of past) await this.drop(rebuild);
    const made: Made = {
      id: this.#rebuilds.length + 1,
      projection: name,
      number: past.length + 1,
      schemaVersion,
      state: 'building',
      isShadow,
      isForced: false,
      hasTable: true,
      startedAt: this.#clock.now(),
      finishedAt: undefined,
      done: 0n,
      total: 0n,
      parked: {},
      error: undefined,
      comparison: undefined,
    };
    this.#rebuilds.push(made);
    const build = unbegunProjection(schemaVersion, live.slices.length, this.#clock.now());
    this.#store.projections.set(buildName(made), build);
    return this.#shown(made);
  }

  async list(projection?: string): Promise<readonly Rebuild[]> {
    const wanted = this.#rebuilds.filter((one) => projection === undefined || one.projection === projection);
    return wanted.map((made) => this.#shown(made)).reverse();
  }

  async open(): Promise<readonly Rebuild[]> {
    return this.#rebuilds.filter(isOpen).map((made) => this.#shown(made));
  }

  async compare(projection: Projection, rebuild: Rebuild): Promise<boolean> {
    return this.#whileLevel(rebuild, (made, live, build) => {
      const columns = Object.keys(projection.table.columns);
      const differences = differencesBetween(live.rows, build.rows, columns);
      this.#differences.set(made.id, differences);
      made.state = 'compared';
      made.error = undefined;
      made.comparison = summaryOf(differences, build.rows.size);
      return true;
    });
  }

  async switchOver(rebuild: Rebuild): Promise<boolean> {
    return this.#whileLevel(rebuild, (made, live, build) => {
      if (made.isShadow || (build.parked.length > 0 && !made.isForced)) return false;
      exchange(live, build, made);
      made.state = 'switched';
      made.error = undefined;
      made.finishedAt = this.#clock.now();
      return true;
    });
  }

  async failed(rebuild: Rebuild, error: string | undefined): Promise<void> {
    this.#made(rebuild).error = error;
  }

  async approve(rebuild: Rebuild, { isForced }: { readonly isForced: boolean }): Promise<void> {
    const made = this.#made(rebuild);
    made.isShadow = false;
    made.isForced ||= isForced;
  }

  async drop(rebuild: Rebuild): Promise<void> {
    const made = this.#made(rebuild);
    const build = this.#store.projections.get(buildName(made));
    if (!made.hasTable || build === undefined) return;
    await locked(build.slices, async () => {
      this.#store.projections.delete(buildName(made));
      this.#differences.delete(made.id);
      made.hasTable = false;
      if (isOpen(made)) made.state = 'cancelled';
      made.finishedAt ??= this.#clock.now();
      for (const slice of build.slices) slice.epoch++;
    });
  }

  async rollBack(rebuild: Rebuild): Promise<void> {
    const made = this.#made(rebuild);
    if (made.state !== 'switched' || !made.hasTable) throw nothingToRollBack(rebuild.projection);
    const [live, build] = this.#both(made);
    await locked([...live.slices, ...build.slices], async () => {
      exchange(live, build, made);
      made.state = 'rolled-back';
      made.finishedAt = this.#clock.now();
    });
  }

  async differences(tenant: string, { id }: Rebuild): Promise<readonly RowDifference[]> {
    const kept = new Map<string, number>();
    return (this.#differences.get(id) ?? [])
      .filter((one) => one.tenant === tenant)
      .filter(({ change }) => kept.set(change, (kept.get(change) ?? 0) + 1).get(change)! <= SAMPLE_COUNT_MAX)
      .map(({ tenant: _, ...difference }) => difference)
      .sort((a, b) => a.change.localeCompare(b.change));
  }

  /** As in PostgreSQL: the live projection is held until its build has reached it. */
  async #whileLevel(
    rebuild: Rebuild,
    work: (made: Made, live: KnownProjection, build: KnownProjection) => boolean,
  ): Promise<boolean> {
    const made = this.#made(rebuild);
    const [live, build] = this.#both(made);
    const endsAtMs = performance.now() + HOLD_MS_MAX;
    return locked(live.slices, async () => {
      while (made.state === rebuild.state && performance.now() < endsAtMs) {
        if (build.slices.every(({ position }, at) => position === live.slices[at]!.position)) {
          return locked(build.slices, async () => made.state === rebuild.state && work(made, live, build));
        }
        await pause(LOOK_INTERVAL_MS);
      }
      return false;
    });
  }

  #made({ id }: Rebuild): Made {
    return this.#rebuilds[id - 1]!;
  }

  #both(made: Made): readonly [KnownProjection, KnownProjection] {
    const { projections } = this.#store;
    return [projections.get(made.projection)!, projections.get(buildName(made))!];
  }

  #shown(made: Made): Rebuild {
    const [live, build] = this.#both(made);
    const least = (of: KnownProjection | undefined): bigint =>
      (of?.slices ?? []).map(({ position }) => position).reduce((a, b) => (a < b ? a : b), 2n ** 63n);
    const parked: Record<string, number> = {};
    for (const { error } of build?.parked ?? []) parked[error.code] = (parked[error.code] ?? 0) + 1;
    return { ...made, total: least(live), done: build === undefined ? 0n : least(build), parked };
  }
}

const isOpen = ({ state }: Rebuild): boolean => state === 'building' || state === 'compared';

/** Rows, checkpoints, parked streams and schema versions change places; former owners have no effect from now on. */
function exchange(live: KnownProjection, build: KnownProjection, made: Made): void {
  [live.rows, build.rows] = [build.rows, live.rows];
  [live.schemaVersion, build.schemaVersion] = [build.schemaVersion, live.schemaVersion];
  const named = (parked: readonly ParkedStream[], projection: string): readonly ParkedStream[] =>
    parked.map((one) => ({ ...one, projection }));
  [live.parked, build.parked] = [named(build.parked, made.projection), named(live.parked, buildName(made))];
  for (const [at, one] of live.slices.entries()) {
    const other = build.slices[at]!;
    [one.position, other.position] = [other.position, one.position];
    for (const slice of [one, other]) {
      slice.epoch++;
      slice.owner = undefined;
      Object.assign(slice, NO_LOSSES);
    }
  }
}

function differencesBetween(
  before: ReadonlyMap<string, Row>,
  after: ReadonlyMap<string, Row>,
  columns: readonly string[],
): readonly TenantDifference[] {
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((at): TenantDifference[] => {
    const [old, fresh] = [before.get(at), after.get(at)];
    const differing = columns.filter((column) => !isDeepStrictEqual(old?.[column], fresh?.[column]));
    if (old !== undefined && fresh !== undefined && differing.length === 0) return [];
    const told = (row: Row | undefined): Row | undefined =>
      row && Object.fromEntries(differing.map((column) => [column, row[column] ?? null]));
    const change = old === undefined ? 'added' : fresh === undefined ? 'removed' : 'changed';
    const [tenant, ...key] = at.split('/') as [string, ...string[]];
    return [{ tenant, key: key.join('/'), change, before: told(old), after: told(fresh) }];
  });
}

function summaryOf(differences: readonly RowDifference[], rows: number): RebuildComparison {
  const of = (wanted: RowDifference['change']): readonly RowDifference[] =>
    differences.filter(({ change }) => change === wanted);
  const changedColumns: Record<string, number> = {};
  for (const { after } of of('changed')) {
    for (const column of Object.keys(after!)) changedColumns[column] = (changedColumns[column] ?? 0) + 1;
  }
  return {
    rows,
    added: of('added').length,
    removed: of('removed').length,
    changed: of('changed').length,
    changedColumns,
  };
}
