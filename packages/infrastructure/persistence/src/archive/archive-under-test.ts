// A log of two tenants in which every second stream is closed, and what the specs of archives ask of it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  EventTypes,
  ExactJson,
  HandlerCalls,
  ProjectionRunner,
  type LogRead,
  type LoggedEvent,
} from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';
import {
  collected,
  MemoryLogger,
  MemoryMetrics,
  MemoryTracer,
  newEvent,
  newStream,
  newTenant,
  noteList,
  SeededIds,
  SystemClock,
  VmTimeLimit,
} from '@groundwork/testing';
import { expect } from '@jest/globals';
import {
  postgresProjectionsUnderTest,
  type PostgresProjectionsUnderTest,
} from '../postgres/postgres-projections-under-test.ts';
import { postgresUnderTest, type PostgresUnderTest } from '../postgres/postgres-under-test.ts';
import { INSTALLATION_EVENT_TYPES } from '../tenants/tenants.ts';
import { verifyDatabase, type Verification } from '../verify/verify-database.ts';
import type { ArchiveOptions } from './archive-streams.ts';

export const noteTypes = new EventTypes([
  { type: 'NoteWritten', schemaVersion: 1 },
  { type: 'NoteClosed', schemaVersion: 1, closesStream: true },
  ...INSTALLATION_EVENT_TYPES,
]);
// Digits that JavaScript would round, line ends of Unicode that JSON may hold as they are.
const EXACT = '{ "text": "a\u2028b\\n\\"c", "n": 12345678901234567890.10 }';
/** Of each tenant; half of them are closed. */
export const STREAMS = 12;
export const VERSIONS = 5;

export class ArchiveUnderTest {
  readonly mine = newTenant();
  readonly theirs = newTenant();
  readonly streams: readonly StreamId[] = Array.from({ length: STREAMS }, () => newStream());
  readonly postgres: PostgresUnderTest;
  readonly ports: PostgresProjectionsUnderTest;
  readonly folder: string;

  constructor(postgres: PostgresUnderTest, ports: PostgresProjectionsUnderTest, folder: string) {
    this.postgres = postgres;
    this.ports = ports;
    this.folder = folder;
  }

  write(tenant: TenantId, stream: StreamId, type: string, expected: number | 'any' = 'any') {
    return this.ports.events.append({ tenant, stream, expected, events: [newEvent(type, new ExactJson(EXACT))] });
  }

  /** Brings the read model level with the log. */
  async project(): Promise<void> {
    const all = {
      ...this.ports,
      clock: new SystemClock(),
      ids: new SeededIds(),
      timeLimit: new VmTimeLimit(),
      tracer: new MemoryTracer(),
      logger: new MemoryLogger(),
      metrics: new MemoryMetrics(),
    };
    const runner = new ProjectionRunner(noteList, all, { owner: 'worker', slices: 2 });
    while (await runner.runOnce());
    await this.ports.store.releaseAll('worker');
  }

  options(form: Partial<ArchiveOptions> = {}): ArchiveOptions {
    const closedBefore = new Date(Date.now() + 1_000);
    return {
      folder: this.folder,
      closing: noteTypes.closing(),
      closedBefore,
      by: 'ada',
      eventsPerFileMax: 15,
      ...form,
    };
  }

  async rows<R>(sql: string, ...values: unknown[]): Promise<R[]> {
    return (await this.ports.administrator.query(sql, values)).rows as R[];
  }

  /** Every event that somebody sees who follows the log from its beginning, page after page. */
  async wholeLog(limit: number, slices?: LogRead['slices'], log = this.ports.log): Promise<readonly LoggedEvent[]> {
    const seen: LoggedEvent[] = [];
    for (let after = 0n; ;) {
      const page = await log.read({
        after,
        limit,
        types: ['NoteWritten', 'NoteClosed'],
        ...(slices ? { slices } : {}),
      });
      seen.push(...page.events);
      if (page.isLast) return seen;
      expect(page.readTo).toBeGreaterThan(after);
      after = page.readTo;
    }
  }

  /** Both tenants' streams, each read by itself. */
  allStreams(): Promise<LoggedEvent[][]> {
    const { mine, theirs, streams } = this;
    return Promise.all(
      [mine, theirs].flatMap((tenant) => streams.map((id) => collected(this.ports.events.readStream(tenant, id)))),
    );
  }

  /** What `gw verify` finds, with or without the folder of the archive. */
  async findings(archiveFolder: string | null = this.folder): Promise<readonly string[]> {
    return (await this.verified(archiveFolder)).findings.map(({ check }) => check);
  }

  verified(archiveFolder: string | null = this.folder): Promise<Verification> {
    return verifyDatabase(this.ports.url, {
      types: noteTypes,
      projections: [noteList],
      handlers: new HandlerCalls(new VmTimeLimit(), 500),
      sampleSize: 100,
      archiveFolder: archiveFolder ?? undefined,
      onProgress: () => undefined,
    });
  }

  async close(): Promise<void> {
    await this.ports.close();
    await rm(this.folder, { recursive: true });
  }
}

/** Streams grow side by side, so that every file holds positions from all over the log. */
export async function archiveUnderTest(): Promise<ArchiveUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'groundwork-archive-'));
  const postgres = await postgresUnderTest();
  const ports = await postgresProjectionsUnderTest(noteList, noteTypes, {}, async () => postgres, folder);
  const archive = new ArchiveUnderTest(postgres, ports, folder);
  for (let version = 1; version <= VERSIONS; version++) {
    const appends = archive.streams.flatMap((stream, at) => {
      const type = version === VERSIONS && at % 2 === 0 ? 'NoteClosed' : 'NoteWritten';
      return [archive.mine, archive.theirs].map((tenant) => archive.write(tenant, stream, type));
    });
    await Promise.all(appends);
  }
  await archive.project();
  return archive;
}

/** Everything of an event, as it is stored. */
export const stored = (events: readonly LoggedEvent[]): unknown[] =>
  events.map(({ dataText, metadata, validation, ...event }) => ({
    ...event,
    data: dataText,
    metadata: { ...metadata },
    validation,
  }));
