// From a row of a read model back to the events that made it.
import { streamName, type StreamId, type TenantId } from '@groundwork/domain';
import { InvalidInput, NotFound } from '../errors.ts';
import type { LoggedEvent } from '../events/event.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { ReadModels } from '../ports/read-models.ts';
import { differingColumns } from '../projections/differing-columns.ts';
import type { Projection, Row } from '../projections/projection.ts';
import { StreamReplay, type HandlerLimit, type ReplayedRow } from './stream-replay.ts';

export interface RowQuestion {
  readonly projection: Projection;
  readonly tenant: TenantId;
  readonly key: string;
  /** Where the row comes from; asked for when the projection does not say it (`streamOf`). */
  readonly stream?: StreamId;
  /** Steps behind this streamVersion, at most `limit`. */
  readonly after: number;
  readonly limit: number;
}

export interface RowLineage {
  readonly stream: StreamId;
  /** The row as it is stored now; undefined when there is none. */
  readonly stored: Row | undefined;
  /** Columns in which the stored row is not what the events give: it is behind, parked, or made by other code. */
  readonly differs: readonly string[];
  /** By column: the event that has set the value that the events give now. */
  readonly origins: ReadonlyMap<string, LoggedEvent>;
  readonly steps: readonly RowStep[];
  /** True when further events of the row lie behind the last step. */
  readonly hasMore: boolean;
}

export interface RowStep {
  readonly event: LoggedEvent;
  readonly row: ReplayedRow;
}

/**
 * Replays the row's stream through the projection as it is today. Holds one page of steps, however long the stream is.
 * Throws InvalidInput `lineage.stream-needed` and NotFound `projection.row-unknown`.
 */
export async function rowLineage(
  question: RowQuestion,
  ports: { readonly events: EventStore; readonly readModels: ReadModels } & HandlerLimit,
): Promise<RowLineage> {
  const { projection, tenant, key, after, limit } = question;
  const stream = question.stream ?? projection.streamOf?.(key);
  if (stream === undefined) throw streamNeeded(projection);
  const replay = new StreamReplay(undefined, [projection], ports);
  const origins = new Map<string, LoggedEvent>();
  const steps: RowStep[] = [];
  let last: ReplayedRow | undefined;
  let hasMore = false;
  // Read first: a row is never ahead of a stream that is read after it.
  const stored = await ports.readModels.find(projection, tenant, key);
  for await (const event of ports.events.readStream(tenant, stream)) {
    const row = replay.apply(event).rows.find((candidate) => candidate.key === key);
    if (row === undefined) continue;
    last = row;
    for (const column of row.changed) origins.set(column, event);
    if (event.streamVersion <= after) continue;
    if (steps.length < limit) steps.push({ event, row });
    else hasMore = true;
  }
  if (stored === undefined && last === undefined) throw unknownRow(projection, key, stream);
  const differs = differingColumns(projection.table.columns, stored, last?.value);
  return { stream, stored, differs, origins, steps, hasMore };
}

const streamNeeded = ({ name }: Projection): InvalidInput =>
  new InvalidInput(
    'lineage.stream-needed',
    `${name} does not say from which stream a row comes.`,
    'Name it (stream=type/id), or declare streamOf in the projection.',
    [{ pointer: '/query/stream', message: 'Send type/id.' }],
  );

const unknownRow = ({ name }: Projection, key: string, stream: StreamId): NotFound =>
  new NotFound(
    'projection.row-unknown',
    `${name} has no row ${key.slice(0, 100)}, and no event of ${streamName(stream)} would make one.`,
    'Check the key; it is case-sensitive.',
  );
