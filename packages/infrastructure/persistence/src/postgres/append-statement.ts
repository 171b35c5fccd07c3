// The calls that write the log: a batch of appends as eighteen parameters, and three more for snapshots.
import { DuplicateEvent, type ExpectedVersion } from '@groundwork/application';
import type { AppendVerdict, PreparedAppend, StoredBatch } from './append-queue.ts';
import { codeOf } from './database-errors.ts';
import { float8Array, int4Array, textArray, uuidArray } from './binary-arrays.ts';
import type { RunStatement, Statement } from './database.ts';

const PARAMETER_COUNT = 18;
const SNAPSHOT_PARAMETER_COUNT = 3;
const parametersFrom = (first: number, count = PARAMETER_COUNT): string =>
  Array.from({ length: count }, (_, index) => `$${first + index}`).join(', ');

const APPEND_BATCH = `select * from groundwork.append_batch(${parametersFrom(1)})`;
const APPEND_WITH_SNAPSHOTS = `select *, false as contended from groundwork.append_events_with_snapshots(${parametersFrom(
  1,
  PARAMETER_COUNT + SNAPSHOT_PARAMETER_COUNT,
)})`;
const SAVE_AGGREGATE = `select *, false as contended from groundwork.save_aggregate($1, ${parametersFrom(2)})`;

/**
 * Sent in a transaction of several statements before the one that appends: from there to the commit the log is locked
 * for everybody, and a process that stands still must not hold it for long.
 */
export const BOUND_PAUSE: Statement = {
  name: 'bound_pause',
  text: `select set_config('idle_in_transaction_session_timeout', '1s', true)`,
};

/** Stores a batch of appends and the snapshots of those that pass. */
export function appendBatch(
  query: RunStatement,
  batch: readonly PreparedAppend[],
  checkIds: boolean,
): Promise<StoredBatch> {
  const values = parameters(batch, checkIds);
  const statement = batch.some(({ append }) => append.snapshot !== undefined)
    ? {
        name: 'append_events_with_snapshots',
        text: APPEND_WITH_SNAPSHOTS,
        values: [...values, ...snapshotParameters(batch)],
      }
    : { name: 'append_batch', text: APPEND_BATCH, values };
  return stored(query, batch, statement);
}

/** Stores an append, and the state it leads to when it passes, both or neither. */
export async function appendWithState(
  query: RunStatement,
  append: PreparedAppend,
  stateJson: string,
): Promise<AppendVerdict> {
  const values = [stateJson, ...parameters([append], false)];
  const { verdicts } = await stored(query, [append], { name: 'save_aggregate', text: SAVE_AGGREGATE, values });
  return verdicts[0]!;
}

interface StoredRow {
  readonly verdicts: number[];
  readonly versions: number[];
  readonly positions: string[];
  readonly contended: boolean;
}

async function stored(
  query: RunStatement,
  batch: readonly PreparedAppend[],
  statement: Statement,
): Promise<StoredBatch> {
  const [row] = await query<StoredRow>(statement).catch((error: unknown) => {
    throw batch.length === 1 && isIdTaken(error) ? new DuplicateEvent(batch[0]!.append.events[0]!.id) : error;
  });
  const verdicts = row!.verdicts.map((verdict, index) => ({
    verdict,
    streamVersion: row!.versions[index]!,
    position: BigInt(row!.positions[index]!),
  }));
  return { verdicts, isContended: row!.contended };
}

/** The unique index decided: an id stands twice in the batch, or another event of the append has been stored before. */
const isIdTaken = (error: unknown): boolean =>
  codeOf(error) === '23505' && (error as { constraint?: string }).constraint === 'event_id';

function parameters(batch: readonly PreparedAppend[], checkIds: boolean): unknown[] {
  const events = batch.flatMap((prepared) => prepared.events);
  const firstOf: number[] = [];
  const appendOf: number[] = [];
  const numberOf: number[] = [];
  batch.forEach((prepared, append) => {
    firstOf.push(appendOf.length + 1);
    prepared.events.forEach((_, index) => {
      appendOf.push(append + 1);
      numberOf.push(index + 1);
    });
  });
  return [
    textArray(batch.map(({ append }) => append.tenant)),
    textArray(batch.map(({ append }) => append.stream.type)),
    textArray(batch.map(({ append }) => append.stream.id)),
    int4Array(batch.map(({ append }) => expectedNumber(append.expected))),
    int4Array(firstOf),
    int4Array(batch.map((prepared) => prepared.events.length)),
    checkIds,
    int4Array(appendOf),
    int4Array(numberOf),
    uuidArray(events.map(({ event }) => event.id)),
    textArray(events.map(({ event }) => event.type)),
    int4Array(events.map((event) => event.schemaVersion)),
    textArray(events.map(({ event }) => event.source)),
    float8Array(events.map(({ event }) => event.occurredAt.getTime())),
    textArray(events.map(({ event }) => event.metadata.correlationId)),
    textArray(events.map((event) => event.metadataText)),
    textArray(events.map((event) => event.validationText)),
    textArray(events.map((event) => event.dataText)),
  ];
}

function snapshotParameters(batch: readonly PreparedAppend[]): unknown[] {
  const brought = batch.flatMap(({ append: { snapshot } }, index) =>
    snapshot === undefined ? [] : [{ append: index + 1, ...snapshot }],
  );
  return [
    int4Array(brought.map(({ append }) => append)),
    int4Array(brought.map(({ schemaVersion }) => schemaVersion)),
    textArray(brought.map(({ stateText }) => stateText)),
  ];
}

function expectedNumber(expected: ExpectedVersion): number {
  if (typeof expected === 'number') return expected;
  return { 'no-stream': 0, any: -1, 'stream-exists': -2 }[expected];
}
