// Takes up parked streams as operators decided, up to where the other streams of their slice are.
import type { LoggedEvent } from '../events/event.ts';
import type { EventLog } from '../ports/event-log.ts';
import type { ParkedStream, ProjectionStore, Slice } from '../ports/projection-store.ts';
import type { Batch } from './projection-batch.ts';
import type { LogSubscription } from './log-subscription.ts';

export interface ResumedStreams {
  readonly projection: LogSubscription;
  readonly store: ProjectionStore;
  readonly log: EventLog;
  readonly batchSizeMax: number;
  /** Takes effect as any batch; `onPark` hears that the stream is parked again. */
  take(batch: Pick<Batch, 'slice' | 'events' | 'to' | 'resumed' | 'waiting'>, onPark: () => void): Promise<unknown>;
  onResumed(parked: ParkedStream): void;
}

/** Carries out what operators decided about the parked streams of a slice. */
export async function resumeStreams(slice: Slice, streams: ResumedStreams): Promise<void> {
  let parked: readonly ParkedStream[] = [];
  await streams.store.advance(streams.projection, slice, slice.position, async (tx) => {
    parked = await tx.parked();
  });
  for (const resumed of parked.filter(({ decision }) => decision !== undefined)) {
    await resume(resumed, slice, streams);
    streams.onResumed(resumed);
  }
}

/** Applies, batch by batch, the events of a parked stream that the others of its slice have passed. */
async function resume(resumed: ParkedStream, slice: Slice, streams: ResumedStreams): Promise<void> {
  const { decision, eventId, position, stream } = resumed;
  const { log, batchSizeMax, take } = streams;
  const to = slice.position;
  const behind = (after: bigint): Promise<readonly LoggedEvent[]> =>
    log.readStreamRange(stream, after, to, batchSizeMax);
  const isApplied = ({ id }: LoggedEvent): boolean => decision !== 'discard' || id !== eventId;
  let page = await behind(position - 1n);
  const [first] = page;
  // The decision is used up first: an event that ends the process would be taken up again for ever. Where the effect is
  // elsewhere it is not: a destination that is away for a moment must not use it up.
  if (first !== undefined && streams.projection.table !== undefined)
    await take({ slice, events: [], to, resumed, waiting: first }, () => undefined);
  for (let isParkedAgain = false; !isParkedAgain;) {
    const last = page.at(-1);
    const next = last === undefined ? [] : await behind(last.position);
    const [waiting] = next;
    const batch = { slice, events: page.filter(isApplied), to, resumed };
    await take(waiting === undefined ? batch : { ...batch, waiting }, () => (isParkedAgain = true));
    if (waiting === undefined) return;
    page = next;
  }
}
