// The rows of inline projections in memory, changed in the same turn as the log.
import {
  InlineChange,
  loggedEvent,
  PROJECTION_RUNNER_DEFAULTS,
  unrecordedEvent,
  type EventTypes,
  type Projection,
  type Row,
  type StoredEvent,
} from '@groundwork/application';
import type { MemoryProjectionStore } from './memory-projection-store.ts';
import { refuseUnfitRow } from './row-check.ts';

export class MemoryInlineRows {
  readonly #projections: readonly Projection[];
  readonly #store: MemoryProjectionStore;

  constructor(projections: readonly Projection[], store: MemoryProjectionStore) {
    this.#projections = projections.filter(({ isInline }) => isInline === true);
    this.#store = store;
  }

  /** All rows or, when one cannot be made, none. */
  store(tenant: string, before: readonly StoredEvent[], appended: readonly StoredEvent[], types: EventTypes): void {
    const events = appended.map((event) => unrecordedEvent(event, types));
    const changes = this.#projections.map((projection) => {
      const change = new InlineChange(projection, events);
      const kept = this.#rowsOf(projection);
      const rows = new Map(change.keys.flatMap((key) => entryOf(key, kept.get(`${tenant}/${key}`))));
      const earlier = before.slice(change.unseenFrom(rows) - 1).map((event) => loggedEvent(event, types));
      const after = change.rowsAfter(rows, earlier);
      for (const row of after.stored) refuseUnfitRow(projection.table, row);
      return { projection, kept, after };
    });
    for (const { projection, kept, after } of changes) {
      for (const row of after.stored) kept.set(`${tenant}/${String(row[projection.table.key])}`, row);
      for (const key of after.removedKeys) kept.delete(`${tenant}/${key}`);
    }
  }

  /** By tenant and key. A table is there before its first worker. */
  #rowsOf(projection: Projection): Map<string, Row> {
    const { projections } = this.#store;
    if (!projections.has(projection.name)) void this.#store.register(projection, PROJECTION_RUNNER_DEFAULTS.slices);
    return projections.get(projection.name)!.rows;
  }
}

const entryOf = (key: string, row: Row | undefined): readonly (readonly [string, Row])[] =>
  row === undefined ? [] : [[key, row]];
