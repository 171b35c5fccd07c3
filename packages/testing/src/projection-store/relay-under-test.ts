// A relay on the ports under test: it tells of every note what it says now, and what it said before.
import {
  ProjectionRunner,
  relaysOf,
  type Announcement,
  type OutgoingMessage,
  type ProjectionRunnerSettings,
  type Publication,
  type Relay,
  type RelayStart,
} from '@groundwork/application';
import type { StreamId, TenantId } from '@groundwork/domain';
import { expect } from '@jest/globals';
import { z } from 'zod';
import { SeededIds, SystemClock } from '../clocks-and-ids.ts';
import { MemoryLogger, MemoryMetrics, MemoryTracer } from '../observations.ts';
import type { ScriptedDestination } from '../relay/scripted-destination.ts';
import { VmTimeLimit } from '../vm-time-limit.ts';
import { noteTypes, type NoteData, type ProjectionStoreUnderTest } from './projection-fixture.ts';
import { OWNER } from './runner-under-test.ts';

interface Texts {
  readonly texts: readonly string[];
}

const notesTold: Publication<Texts> = {
  name: 'contract.notes-told',
  eventTypes: ['NoteWritten'],
  messages: [{ type: 'NoteTold', schemaVersion: 3, summary: 'A note was written.', data: z.unknown() }],
  state: {
    initial: { texts: [] },
    evolve({ texts }, event) {
      const { text } = event.data as NoteData;
      if (text === 'unfoldable') throw new TypeError('cannot fold it');
      while (text === 'endless');
      return { texts: [...texts, text] };
    },
  },
  announce(event, before, after): readonly Announcement[] {
    const text = after.texts.at(-1)!;
    if (text === 'poison') throw new TypeError('cannot tell it');
    return text === 'secret' ? [] : [{ type: 'NoteTold', data: { text, before: before.texts } }];
  },
};

export const textOf = ({ data }: OutgoingMessage): string => (data as { text: string }).text;

export interface RelayUnderTest {
  readonly relay: Relay;
  readonly runner: ProjectionRunner;
  readonly metrics: MemoryMetrics;
  readonly logger: MemoryLogger;
}

interface Differing {
  readonly startAt?: RelayStart;
  readonly settings?: Partial<ProjectionRunnerSettings>;
}

export function newRelay(
  ports: ProjectionStoreUnderTest,
  destination: ScriptedDestination,
  { startAt = 'beginning', settings = {} }: Differing = {},
): RelayUnderTest {
  const [relay] = relaysOf([notesTold as Publication], [destination], { types: noteTypes, startAt });
  const [metrics, logger] = [new MemoryMetrics(), new MemoryLogger()];
  const limits = { owner: OWNER, slices: 2, leaseMs: 60_000, attemptsMax: 3, retryDelayMs: 1, pollIntervalMs: 20 };
  const runner = new ProjectionRunner(
    relay!,
    {
      ...ports,
      clock: new SystemClock(),
      ids: new SeededIds('relay'),
      timeLimit: ports.timeLimit ?? new VmTimeLimit(),
      tracer: new MemoryTracer(),
      logger,
      metrics,
    },
    { ...limits, reportIntervalMs: 0, ...settings },
  );
  return { relay: relay!, runner, metrics, logger };
}

export type Notes = (tenant: TenantId, stream: StreamId, ...texts: readonly string[]) => Promise<unknown>;

export const takenOf = ({ taken }: ScriptedDestination, stream: StreamId): readonly string[] =>
  taken.filter((message) => message.stream.id === stream.id).map(textOf);

export const refusing = (text: string) => (message: OutgoingMessage) =>
  textOf(message) === text ? 'refused' : 'taken';

export const onlyParked = async (ports: () => ProjectionStoreUnderTest, tenant: TenantId) => {
  const parked = await ports().deadLetters.list(tenant, { limit: 10 });
  expect(parked).toHaveLength(1);
  return parked[0]!;
};
