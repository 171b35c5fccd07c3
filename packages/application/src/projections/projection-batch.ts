// A batch of events takes effect on the rows of a read model, and what cannot be applied is set apart.
import { CodedError } from '@groundwork/domain';
import { told } from '../commands/command-error.ts';
import { Misconfigured, Unavailable } from '../errors.ts';
import type { LoggedEvent, RecordedEvent } from '../events/event.ts';
import type { CommandError, NewCommand } from '../ports/command-store.ts';
import type { Ids } from '../ports/ids.ts';
import type {
  NewlyParked,
  ParkedStream,
  ProjectionStore,
  ProjectionTransaction,
  Slice,
} from '../ports/projection-store.ts';
import { EventsFailed, failedAttempt, isRowRefused, type Fault } from './event-faults.ts';
import { followUpCommands } from './follow-up.ts';
import type { HandlerCalls } from './handler-calls.ts';
import type { Projection } from './projection.ts';
import { RowTable } from './row-table.ts';
import { upsertBatch } from './upserted-batch.ts';

export interface Batch {
  readonly projection: Projection;
  readonly slice: Slice;
  readonly ids: Ids;
  readonly handlers: HandlerCalls;
  /** In the order of their positions. */
  readonly events: readonly LoggedEvent[];
  /** Where the checkpoint stands afterwards. */
  readonly to: bigint;
  /** The parked stream whose events these are; without it the events of parked streams are left out. */
  readonly resumed?: ParkedStream;
  /** The first event of that stream that still waits behind these: it stays parked there. */
  readonly waiting?: LoggedEvent;
  /** An event of the batch that is not applied: its stream is parked for this fault. */
  readonly condemned?: Fault | undefined;
}

export interface RetryPolicy {
  /** How often an event is tried before its stream is parked. */
  readonly attemptsMax: number;
  /** Before the second attempt; doubled before each further one. */
  readonly delayMs: number;
  /** Called before the pause; the next attempt waits for it. */
  readonly onRetry: () => Promise<void>;
  /** `cause` is the error itself, of which `parked` tells only what all may know. */
  readonly onPark: (parked: NewlyParked, cause: unknown) => void;
}

/**
 * Applies the batch and moves the checkpoint in one transaction. An event whose handler throws or hangs is tried again;
 * one that keeps failing, or whose row the database refuses, parks its stream, and the others take effect. Any other
 * error is thrown: nothing has changed, and the same batch may succeed later.
 */
export async function takeEffect(batch: Batch, store: ProjectionStore, retry: RetryPolicy): Promise<Slice> {
  const attempts = new Map<string, number>();
  const { condemned } = batch;
  const poison = new Map<string, Fault>(condemned && [[condemned.event.id, condemned]]);
  for (let round = 0; ; round++) {
    try {
      const upserted = round === 0 && poison.size === 0 ? await upsertBatch(batch, store) : undefined;
      if (upserted !== undefined) return upserted;
      const moved = await store.advance(batch.projection, batch.slice, batch.to, (tx) =>
        effect(tx, batch, batch.events, poison),
      );
      for (const fault of poison.values()) retry.onPark(parkedBy(fault, batch), fault.error);
      return moved;
    } catch (error) {
      if (error instanceof EventsFailed) {
        await failedAttempt(error.faults, { attempts, poison, round }, retry);
      } else if (isRowRefused(error)) {
        const event = await firstRefused(batch, store, poison);
        poison.set(event.id, { event, error, attempts: 1 });
        await retry.onRetry();
      } else throw error;
    }
  }
}

/** What an operator is told about an error that parked a stream. */
export function parkingErrorOf(error: unknown): CommandError {
  return {
    ...told(error, 'projection.event-failed'),
    ...(error instanceof CodedError
      ? { next: error.next, details: error.details }
      : { next: 'Look into the log of the worker, correct the projection and retry, or discard the event.' }),
  };
}

async function effect(
  tx: ProjectionTransaction,
  batch: Batch,
  events: readonly LoggedEvent[],
  poison: ReadonlyMap<string, Fault>,
): Promise<void> {
  const { projection, resumed } = batch;
  const halted = new Set(
    (await tx.parked()).filter(({ id }) => id !== resumed?.id).map(({ stream }) => streamKey(stream.tenant, stream)),
  );
  const { keyed, poisoned, faults } = keyedParts(batch, events, poison, halted);
  for (const fault of poisoned) await tx.park(parkedBy(fault, batch));
  const table = await RowTable.load(tx, projection, keyed);
  const commands = foldInto(table, keyed, batch, faults);
  if (faults.length > 0) throw new EventsFailed(faults);
  await table.store(tx);
  await tx.accept(commands);
  if (poisoned.length === 0) await finishResumed(tx, batch);
}

/** The stream that was taken up goes with the others again, or waits at its next event, with the decision. */
export async function finishResumed(
  tx: ProjectionTransaction,
  batch: Pick<Batch, 'slice' | 'resumed' | 'waiting'>,
  decision?: ParkedStream['decision'],
): Promise<void> {
  const { resumed, waiting } = batch;
  if (resumed === undefined) return;
  if (waiting === undefined) await tx.unpark(resumed.id);
  else await tx.park({ ...parkedBy({ event: waiting, error: resumeInterrupted(), attempts: 0 }, batch), decision });
}

interface KeyedPart {
  readonly event: LoggedEvent;
  readonly part: RecordedEvent;
  readonly key: string;
}

interface KeyedParts {
  readonly keyed: readonly KeyedPart[];
  readonly poisoned: readonly Fault[];
  readonly faults: Fault[];
}

/** The parts whose rows are to change; streams are added to `halted` at their first event that cannot be applied. */
function keyedParts(
  { projection, handlers }: Batch,
  events: readonly LoggedEvent[],
  poison: ReadonlyMap<string, Fault>,
  halted: Set<string>,
): KeyedParts {
  const [keyed, poisoned, faults]: [KeyedPart[], Fault[], Fault[]] = [[], [], []];
  const streamOfRow = new Map<string, string>();
  handlers.each(
    events,
    (event) => {
      const stream = streamKey(event.tenant, event.stream);
      if (halted.has(stream)) return;
      const fault = poison.get(event.id);
      if (fault !== undefined) {
        halted.add(stream);
        poisoned.push(fault);
        return;
      }
      const parts = event.partsOf(projection.eventTypes).flatMap((part) => {
        const key = projection.keyOf(part);
        return key === undefined ? [] : [{ event, part, key }];
      });
      for (const { key } of parts) refuseOtherStream(streamOfRow, `${event.tenant}/${key}`, stream);
      keyed.push(...parts);
    },
    (event, error) => {
      halted.add(streamKey(event.tenant, event.stream));
      faults.push({ event, error, attempts: 0 });
    },
  );
  return { keyed, poisoned, faults };
}

function refuseOtherStream(streamOfRow: Map<string, string>, row: string, stream: string): void {
  const first = streamOfRow.get(row) ?? stream;
  streamOfRow.set(row, first);
  if (first === stream) return;
  throw new Misconfigured(
    'projection.row-of-another-stream',
    'Two streams change one row of the read model, so that nobody can tell in which order.',
    'Let keyOf give every stream rows of its own, such as keys that begin with its id.',
  );
}

/**
 * Applies event by event, and returns the commands that follow; behind an event that fails, which is added to `faults`,
 * the rest of its stream is left out.
 */
function foldInto(
  table: RowTable,
  keyed: readonly KeyedPart[],
  { projection, ids, handlers }: Batch,
  faults: Fault[],
): readonly NewCommand[] {
  const commands: NewCommand[] = [];
  const halted = new Set<string>();
  handlers.each(
    keyed,
    ({ event, part, key }) => {
      if (halted.has(streamKey(event.tenant, event.stream))) return;
      const applied = table.apply(part, key);
      if (applied !== 'seen') commands.push(...followUpCommands(projection, part, applied.row, ids));
    },
    ({ event }, error) => {
      halted.add(streamKey(event.tenant, event.stream));
      faults.push({ event, error, attempts: 0 });
    },
  );
  return commands;
}

/**
 * The database refuses a row without saying whose: the first event with which the batch is refused is found by trying
 * ever shorter beginnings of the batch in transactions that are rolled back.
 */
async function firstRefused(
  batch: Batch,
  store: ProjectionStore,
  poison: ReadonlyMap<string, Fault>,
): Promise<LoggedEvent> {
  let accepted = 0;
  let refused = batch.events.length;
  while (refused - accepted > 1) {
    const length = Math.floor((accepted + refused) / 2);
    if (await isAccepted(batch, batch.events.slice(0, length), store, poison)) accepted = length;
    else refused = length;
  }
  return batch.events[refused - 1]!;
}

async function isAccepted(
  batch: Batch,
  events: readonly LoggedEvent[],
  store: ProjectionStore,
  poison: ReadonlyMap<string, Fault>,
): Promise<boolean> {
  try {
    await store.advance(batch.projection, batch.slice, batch.slice.position, async (tx) => {
      await effect(tx, batch, events, poison);
      throw new TrialOver();
    });
  } catch (error) {
    if (error instanceof TrialOver) return true;
    if (isRowRefused(error)) return false;
    throw error;
  }
  return true;
}

/** How the stream of a fault is parked. */
export const parkedBy = (
  { event, error, attempts }: Fault,
  { slice, resumed }: Pick<Batch, 'slice' | 'resumed'>,
): NewlyParked => ({
  projection: slice.projection,
  slice: slice.slice,
  stream: { tenant: event.tenant, type: event.stream.type, id: event.stream.id },
  position: event.position,
  eventId: event.id,
  eventType: event.type,
  attempts: (resumed?.attempts ?? 0) + attempts,
  error: parkingErrorOf(error),
});

/** Seen only when the worker ends, or loses the slice, between two batches of a stream that is taken up again. */
const resumeInterrupted = (): Unavailable =>
  new Unavailable(
    'projection.resume-interrupted',
    'The stream was being taken up again; everything before this event has taken effect.',
    'Retry it: it goes on from here.',
  );

const streamKey = (tenant: string, stream: { type: string; id: string }): string =>
  `${tenant}/${stream.type}/${stream.id}`;

/** Rolls a trial back; never leaves this file. */
class TrialOver extends Error {}
