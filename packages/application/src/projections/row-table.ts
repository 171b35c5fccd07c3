// The rows that a batch of events touches, loaded and stored as sets.
import type { RecordedEvent } from '../events/event.ts';
import type { ProjectionTransaction } from '../ports/projection-store.ts';
import { rowAfter } from './handler-calls.ts';
import { VERSION_COLUMN, type Projection, type Row } from './projection.ts';

interface TenantRows {
  readonly rows: Map<string, Row>;
  readonly changedKeys: Set<string>;
  /** By key: the event whose parts are being applied. */
  readonly lastEvents: Map<string, string>;
}

export class RowTable {
  readonly #projection: Projection;
  readonly #tenants: ReadonlyMap<string, TenantRows>;

  static async load(
    tx: ProjectionTransaction,
    projection: Projection,
    keyed: readonly { readonly part: RecordedEvent; readonly key: string }[],
  ): Promise<RowTable> {
    const tenants = new Map<string, TenantRows>();
    for (const [tenant, ofTenant] of Map.groupBy(keyed, ({ part }) => part.tenant)) {
      const rows = await tx.load(tenant, [...new Set(ofTenant.map(({ key }) => key))]);
      tenants.set(tenant, { rows: new Map(rows), changedKeys: new Set(), lastEvents: new Map() });
    }
    return new RowTable(projection, tenants);
  }

  private constructor(projection: Projection, tenants: ReadonlyMap<string, TenantRows>) {
    this.#projection = projection;
    this.#tenants = tenants;
  }

  /**
   * Folds one event into its row and returns it; an event that the row has seen already changes nothing. The parts of
   * an event come one behind the other: what the first has left in the row is no sign that the event was seen.
   */
  apply(event: RecordedEvent, key: string): { readonly row: Row | undefined } | 'seen' {
    const { rows, changedKeys, lastEvents } = this.#tenants.get(event.tenant)!;
    const before = rows.get(key);
    if (lastEvents.get(key) !== event.id && this.#hasSeen(before, event)) return 'seen';
    lastEvents.set(key, event.id);
    const after = rowAfter(this.#projection, before, event);
    if (after === before) return { row: after };
    if (after === undefined) rows.delete(key);
    else rows.set(key, after);
    changedKeys.add(key);
    return { row: after };
  }

  async store(tx: ProjectionTransaction): Promise<void> {
    for (const [tenant, { rows, changedKeys }] of this.#tenants) {
      if (changedKeys.size === 0) continue;
      const keys = [...changedKeys];
      const changed = keys.map((key) => rows.get(key)).filter((row) => row !== undefined);
      const removedKeys = keys.filter((key) => !rows.has(key));
      await tx.store(tenant, changed, removedKeys);
    }
  }

  #hasSeen(row: Row | undefined, event: RecordedEvent): boolean {
    return (
      row !== undefined &&
      VERSION_COLUMN in this.#projection.table.columns &&
      Number(row[VERSION_COLUMN]) >= event.streamVersion
    );
  }
}
