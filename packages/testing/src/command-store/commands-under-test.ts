// Handlers, a pipeline and a worker on the command store under test.
import {
  CommandConsumer,
  CommandPipeline,
  Commands,
  ExactJson,
  NotPermitted,
  Unavailable,
  type CommandConsumerSettings,
  type CommandContext,
  type CommandHandler,
  type CommandQueue,
  type CommandResult,
  type CommandStatus,
  type StoredCommand,
  type Submission,
  type SubmitSettings,
} from '@groundwork/application';
import type { TenantId, Uuid } from '@groundwork/domain';
import { z } from 'zod';
import { SeededIds, SystemClock } from '../clocks-and-ids.ts';
import { eventually } from '../eventually.ts';
import { newId, newTenant } from '../new-event.ts';
import { MemoryLogger, MemoryMetrics, MemoryTracer } from '../observations.ts';
import type { CommandStoreUnderTest } from './command-store-contract.ts';

export interface NotePayload {
  readonly text: string;
}

export type HandleNote = (payload: NotePayload, context: CommandContext) => Promise<CommandResult>;

/** A handler for `notes.write-note`. */
export const noteHandler = (handle: HandleNote): CommandHandler<NotePayload> => ({
  type: 'notes.write-note',
  permission: 'notes:write',
  schema: z.object({ text: z.string().min(1) }),
  handle,
});

export function newPipeline(
  handle: HandleNote | readonly CommandHandler<NotePayload>[],
  metrics = new MemoryMetrics(),
  tracer = new MemoryTracer(),
): CommandPipeline {
  const access = {
    authorise: ({ permissions }: { permissions: ReadonlySet<string> }, permission: string): void => {
      if (permissions.has(permission)) return;
      throw new NotPermitted('security.not-permitted', `It takes ${permission}.`, 'Ask for the permission.');
    },
  };
  const handlers = typeof handle === 'function' ? [noteHandler(handle)] : handle;
  return new CommandPipeline(handlers as readonly CommandHandler[], {
    access,
    metrics,
    tracer,
    clock: new SystemClock(),
  });
}

/** The same queue with another way to claim. */
export const withClaim = (queue: CommandQueue, claim: CommandQueue['claim']): CommandQueue => ({
  claim,
  renew: (owner, leaseMs) => queue.renew(owner, leaseMs),
  putBack: (command, owner, delayMs) => queue.putBack(command, owner, delayMs),
  backlog: () => queue.backlog(),
  waitForCommands: (timeoutMs, stop) => queue.waitForCommands(timeoutMs, stop),
});

export const away = (): Unavailable => new Unavailable('database.unavailable', 'The database is away.', 'Wait.');

export const note = (text: string): ExactJson => new ExactJson(JSON.stringify({ text }));

export interface ConsumerUnderTest {
  readonly consumer: CommandConsumer;
  readonly metrics: MemoryMetrics;
  readonly logger: MemoryLogger;
}

export function newConsumer(
  { commands, queue }: CommandStoreUnderTest,
  handle: Parameters<typeof newPipeline>[0],
  settings: Partial<CommandConsumerSettings> = {},
): ConsumerUnderTest {
  const [metrics, logger] = [new MemoryMetrics(), new MemoryLogger()];
  const consumer = new CommandConsumer(
    { store: commands, queue, pipeline: newPipeline(handle, metrics), clock: new SystemClock(), logger, metrics },
    { owner: 'worker-1', pollIntervalMs: 10, retryDelayMs: 1, retryDelayMaxMs: 20, ...settings },
  );
  return { consumer, metrics, logger };
}

/** Runs the consumers while `work` is done, and until they have stopped. */
export async function whileRunning(consumers: readonly ConsumerUnderTest[], work: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const running = Promise.all(consumers.map(({ consumer }) => consumer.run(stop.signal)));
  try {
    await work();
  } finally {
    stop.abort();
    await running;
  }
}

export function newCommands(
  { commands }: CommandStoreUnderTest,
  handle: HandleNote,
  settings: Partial<SubmitSettings> = {},
): Commands {
  const pipeline = newPipeline(handle);
  return new Commands(commands, pipeline, new SeededIds(newId()), {
    owner: 'api-1',
    leaseMs: 60_000,
    waitMs: 10_000,
    ...settings,
  });
}

export const submission = (text: string, form: Partial<Submission> = {}): Submission => ({
  type: 'notes.write-note',
  payload: { text },
  tenant: newTenant(),
  actor: { subject: 'ada', permissions: new Set(['notes:write']) },
  correlationId: 'correlation-1',
  ...form,
});

export const untilStatus = (
  { commands }: CommandStoreUnderTest,
  tenant: TenantId,
  id: Uuid,
  status: CommandStatus,
): Promise<StoredCommand> =>
  eventually(async () => {
    const command = await commands.get(tenant, id);
    return command?.status === status && command;
  });
