// The rows of one stream are computed again from its events and replaced, while the projection goes on.
import { streamName, type StreamId } from '@groundwork/domain';
import { Conflict, NotFound } from '../errors.ts';
import type { LoggedEvent } from '../events/event.ts';
import type { EventLog, StreamKey } from '../ports/event-log.ts';
import type { ProjectionStore, ProjectionTransaction, Slice } from '../ports/projection-store.ts';
import type { TimeLimit } from '../ports/time-limit.ts';
import { reachedPosition } from './ahead-of-log.ts';
import { HandlerCalls, isHung } from './handler-calls.ts';
import { parkingErrorOf } from './projection-batch.ts';
import { PROJECTION_RUNNER_DEFAULTS } from './projection-runner-settings.ts';
import type { Projection, Row } from './projection.ts';
import { changedRows } from './replay.ts';

export interface StreamRebuild {
  /** The events up to here made the rows: as far as the projection has applied this stream. */
  readonly upTo: bigint;
  readonly rows: number;
  /** Rows that the stream once made, and that its events have removed again. */
  readonly removed: number;
  /** The event that could not be applied: the stream is parked behind it now. */
  readonly parkedAt: string | undefined;
}

export interface StreamRebuildPorts {
  readonly store: Pick<ProjectionStore, 'progress' | 'holdSlice'>;
  readonly log: EventLog;
  readonly timeLimit: TimeLimit;
}

const PAGE_SIZE = 1_000;

/**
 * Replaces the rows of the stream in one transaction, in which the checkpoint of its slice stands still: what it has
 * passed is in the rows, what it has not passed the worker applies to them. A parked stream is folded up to the event
 * behind which it waits; an earlier one that cannot be applied today parks it there, unless its handler hangs: that may
 * be the fault of a busy moment. Commands that followed from the events were stored when they first took effect. Rows
 * under keys that the events no longer give are left to a rebuild of the whole read model.
 *
 * Throws Conflict `projection.rows-without-stream`, `projection.rows-of-several-streams`, `projection.outdated`, and
 * `projection.rebuild-hung` behind as many attempts as a worker makes; NotFound `projection.stream-unknown`;
 * InvalidInput `projection.row-refused` when the database refuses a row. Nothing has changed then.
 */
export async function rebuildStream(
  projection: Projection,
  stream: StreamKey,
  { store, log, timeLimit }: StreamRebuildPorts,
  handlerTimeoutMs = PROJECTION_RUNNER_DEFAULTS.handlerTimeoutMs,
): Promise<StreamRebuild> {
  refuseUntoldStreams(projection);
  const newFold = (): StreamFold => new StreamFold(projection, stream, new HandlerCalls(timeLimit, handlerTimeoutMs));
  let [fold, end] = [newFold(), 0n];
  // A long history is folded while the worker goes on; what is left for the moment it waits is little.
  const [progress] = await store.progress(projection.name);
  if (progress !== undefined) await fold.readTo(reachedPosition(progress), log);
  const isKnown = await store.holdSlice(projection, stream, async (tx, slice) => {
    end = await endOf(stream, tx, slice);
    if (end < fold.position) fold = newFold();
    await fold.readTo(end, log);
    await fold.store(tx, slice);
  });
  if (!isKnown) throw unknownStream(projection, stream);
  return { upTo: end, ...fold.summary };
}

/** Throws Conflict `projection.rows-without-stream` where nobody knows which stream a row comes from. */
export function refuseUntoldStreams({ name, streamOf }: Projection): void {
  if (streamOf !== undefined) return;
  throw new Conflict(
    'projection.rows-without-stream',
    `${name} does not say which stream a row comes from: the rows of one stream are not known.`,
    'Declare streamOf in the projection, or rebuild the whole read model: gw projections rebuild NAME.',
  );
}

/** The last position that has taken effect: that of the slice, or the one before the event that parks the stream. */
async function endOf(stream: StreamKey, tx: ProjectionTransaction, slice: Slice): Promise<bigint> {
  const parked = (await tx.parked()).find(
    (one) => one.stream.tenant === stream.tenant && streamName(one.stream) === streamName(stream),
  );
  return parked === undefined || parked.position > slice.position ? slice.position : parked.position - 1n;
}

/** The rows that the events of a stream give, as far as they have been read. */
class StreamFold {
  readonly #projection: Projection;
  readonly #stream: StreamKey;
  readonly #calls: HandlerCalls;
  /** By key; undefined for a row that was removed. */
  readonly #rows = new Map<string, Row | undefined>();
  #fault: { readonly event: LoggedEvent; readonly error: unknown } | undefined;
  #position = 0n;

  constructor(projection: Projection, stream: StreamKey, calls: HandlerCalls) {
    this.#projection = projection;
    this.#stream = stream;
    this.#calls = calls;
  }

  /** Everything up to here is in the rows. */
  get position(): bigint {
    return this.#position;
  }

  get summary(): Omit<StreamRebuild, 'upTo'> {
    const rows = [...this.#rows.values()].filter((row) => row !== undefined).length;
    return { rows, removed: this.#rows.size - rows, parkedAt: this.#fault?.event.id };
  }

  async readTo(end: bigint, log: EventLog): Promise<void> {
    while (this.#position < end) {
      const page = await log.readStreamRange(this.#stream, this.#position, end, PAGE_SIZE);
      for (const event of page) this.#apply(event);
      this.#position = page.at(-1)?.position ?? end;
    }
  }

  async store(tx: ProjectionTransaction, { slice }: Slice): Promise<void> {
    if (this.#fault !== undefined && isHung(this.#fault.error)) throw rebuildHung(this.#projection, this.#fault.event);
    const { tenant, type, id } = this.#stream;
    const rows = [...this.#rows.values()].filter((row) => row !== undefined);
    // Removed first: a row that is wrong may claim a higher version of the stream than there is.
    await tx.store(tenant, [], [...this.#rows.keys()]);
    await tx.store(tenant, rows, []);
    if (this.#fault === undefined) return;
    const { event, error } = this.#fault;
    await tx.park({
      projection: this.#projection.name,
      slice,
      stream: { tenant, type, id },
      position: event.position,
      eventId: event.id,
      eventType: event.type,
      attempts: 1,
      error: parkingErrorOf(error),
    });
  }

  #apply(event: LoggedEvent): void {
    let changed: ReturnType<typeof changedRows> = new Map();
    if (this.#fault === undefined) {
      try {
        changed = this.#calls.value(() => changedRows(this.#projection, event, this.#rows));
      } catch (error) {
        this.#fault = { event, error };
      }
    }
    for (const [key, row] of this.#fault === undefined ? changed : this.#untouched(event)) {
      const owner = this.#projection.streamOf!(key);
      if (streamName(owner) !== streamName(this.#stream)) throw foldsSeveral(this.#projection, this.#stream, owner);
      this.#rows.set(key, row);
    }
  }

  /**
   * Nothing from an event that cannot be applied on is in the rows; but the rows under its keys have been made when it
   * could be.
   */
  #untouched(event: LoggedEvent): ReadonlyMap<string, Row | undefined> {
    const rows = new Map<string, Row | undefined>();
    const addRows = (): void => {
      for (const part of event.partsOf(this.#projection.eventTypes)) {
        const key = this.#projection.keyOf(part);
        if (key !== undefined) rows.set(key, this.#rows.get(key));
      }
    };
    this.#calls.each([event], addRows, () => undefined);
    return rows;
  }
}

const unknownStream = ({ name }: Projection, stream: StreamId): NotFound =>
  new NotFound(
    'projection.stream-unknown',
    `There is no stream ${streamName(stream)}, or no worker has run ${name} yet.`,
    'Check type and id; both are case-sensitive.',
  );

const rebuildHung = ({ name }: Projection, event: LoggedEvent): Conflict =>
  new Conflict(
    'projection.rebuild-hung',
    `The handler of event ${event.id} in ${name} does not come to its end in time; nothing has changed.`,
    'Correct the handler, or give it more time with GW_WORKER_HANDLER_TIMEOUT_MS. Then rebuild the stream again.',
    { eventId: event.id },
  );

const foldsSeveral = ({ name }: Projection, stream: StreamId, owner: StreamId): Conflict =>
  new Conflict(
    'projection.rows-of-several-streams',
    `${name} folds events of ${streamName(stream)} into a row of ${streamName(owner)}.`,
    'Such rows cannot be made from one stream: rebuild the whole read model with gw projections rebuild NAME.',
  );
