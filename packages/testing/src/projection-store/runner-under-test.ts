// A projection runner on the ports under test, and what a test can see of its work.
import {
  ProjectionRunner,
  type Appended,
  type Projection,
  type ProjectionRunnerSettings,
  type Row,
} from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';
import { SeededIds, SystemClock } from '../clocks-and-ids.ts';
import { newEvent } from '../new-event.ts';
import { MemoryLogger, MemoryMetrics, MemoryTracer } from '../observations.ts';
import { VmTimeLimit } from '../vm-time-limit.ts';
import { noteList, noteOf, type NoteData, type ProjectionStoreUnderTest } from './projection-fixture.ts';

export const OWNER = 'worker-1';
const LEASE_MS = 60_000;

export interface RunnerUnderTest {
  readonly runner: ProjectionRunner;
  readonly metrics: MemoryMetrics;
  readonly logger: MemoryLogger;
}

export function newRunner(
  ports: ProjectionStoreUnderTest,
  projection: Projection = noteList,
  settings: Partial<ProjectionRunnerSettings> = {},
): RunnerUnderTest {
  const [metrics, logger] = [new MemoryMetrics(), new MemoryLogger()];
  const runner = new ProjectionRunner(
    projection,
    {
      ...ports,
      clock: new SystemClock(),
      ids: new SeededIds('follow-ups'),
      timeLimit: ports.timeLimit ?? new VmTimeLimit(),
      tracer: new MemoryTracer(),
      logger,
      metrics,
    },
    {
      owner: OWNER,
      slices: 2,
      leaseMs: LEASE_MS,
      attemptsMax: 3,
      ownersLostMax: 3,
      retryDelayMs: 1,
      pollIntervalMs: 20,
      reportIntervalMs: 0,
      ...settings,
    },
  );
  return { runner, metrics, logger };
}

export function write(
  { events }: ProjectionStoreUnderTest,
  tenant: TenantId,
  stream: StreamId,
  ...notes: readonly NoteData[]
): Promise<Appended> {
  return events.append({ tenant, stream, expected: 'any', events: notes.map((note) => newEvent('NoteWritten', note)) });
}

/** The rows of these notes, as the owner of the slices sees them. */
export async function notesOf(
  { store }: ProjectionStoreUnderTest,
  tenant: TenantId,
  streams: readonly StreamId[],
  projection: Projection = noteList,
): Promise<readonly ReturnType<typeof noteOf>[]> {
  const [slice] = await store.lease(projection, OWNER, LEASE_MS, 1_000);
  if (slice === undefined) throw new Error('No slice to look through.');
  let rows: ReadonlyMap<string, Row> = new Map();
  await store.advance(projection, slice, slice.position, async (tx) => {
    rows = await tx.load(
      tenant,
      streams.map(({ id }) => id),
    );
  });
  return streams.map(({ id }) => noteOf(rows.get(id)));
}
