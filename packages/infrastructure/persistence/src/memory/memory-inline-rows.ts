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
  type StreamKey,
  type TimeLimit,
} from '@groundwork/application';
import { isSameStream, type KnownProjection, type MemoryProjectionStore } from './memory-projection-store.ts';
import { sliceOfStream } from './memory-event-store.ts';
import { refuseUnfitRow } from './row-check.ts';

export class MemoryInlineRows {
  readonly #projections: readonly Projection[];
  readonly #store: MemoryProjectionStore;
  readonly #timeLimit: TimeLimit;
  readonly #handlerTimeoutMs: number;

  constructor(
    projections: readonly Projection[],
    store: MemoryProjectionStore,
    timeLimit: TimeLimit,
    handlerTimeoutMs = PROJECTION_RUNNER_DEFAULTS.handlerTimeoutMs,
  ) {
    this.#projections = projections.filter(({ isInline }) => isInline === true);
    this.#store = store;
    this.#timeLimit = timeLimit;
    this.#handlerTimeoutMs = handlerTimeoutMs;
  }

  /** All rows or, when one cannot be made, none. What a worker has to sort out is left to it. */
  store(tenant: string, before: readonly StoredEvent[], appended: readonly StoredEvent[], types: EventTypes): void {
    const events = appended.map((event) => unrecordedEvent(event, types));
    const changed = this.#projections.map((projection) => {
      const change = new InlineChange(projection, events, this.#timeLimit, this.#handlerTimeoutMs);
      const known = this.#store.projections.get(projection.name);
      const passedVersion = passedVersionOf(projection, known, { tenant, ...appended[0]!.stream }, before);
      if (known === undefined || passedVersion === undefined) return undefined;
      const rows = new Map(change.keys.flatMap((key) => entryOf(key, known.rows.get(`${tenant}/${key}`))));
      const stored = { rows, passedVersion };
      const earlier = before.slice(change.unseenFrom(stored) - 1).map((event) => loggedEvent(event, types));
      const after = change.rowsAfter(stored, earlier) ?? [];
      for (const row of after) refuseUnfitRow(projection.table, row);
      return { key: projection.table.key, known, after };
    });
    for (const { key, known, after } of changed.filter((one) => one !== undefined)) {
      for (const row of after) known.rows.set(`${tenant}/${String(row[key])}`, row);
    }
  }
}

/** Undefined where the rows are left to the worker. */
function passedVersionOf(
  { schemaVersion }: Projection,
  known: KnownProjection | undefined,
  stream: StreamKey,
  before: readonly StoredEvent[],
): number | undefined {
  if (known?.schemaVersion !== schemaVersion) return undefined;
  if (known.parked.some((parked) => isSameStream(parked.stream, stream))) return undefined;
  const { position } = known.slices[sliceOfStream(stream, known.slices.length)]!;
  return before.findLast((event) => event.position <= position)?.streamVersion ?? 0;
}

const entryOf = (key: string, row: Row | undefined): readonly (readonly [string, Row])[] =>
  row === undefined ? [] : [[key, row]];
