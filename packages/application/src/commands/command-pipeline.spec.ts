// The steps around every handler, in their order.
import { describe, expect, it } from '@jest/globals';
import { Refusal } from '@groundwork/domain';
import { FixedClock, MemoryMetrics, MemoryTracer, newCommand } from '@groundwork/testing';
import { z } from 'zod';
import { NotPermitted, Unavailable } from '../errors.ts';
import { ExactJson } from '../exact-json.ts';
import type { StoredCommand } from '../ports/command-store.ts';
import type { CommandHandler } from './command-handler.ts';
import { CommandPipeline } from './command-pipeline.ts';

const clock = new FixedClock('2026-03-04T05:06:07.000Z');

function newPipeline(form: { handle?: () => Promise<object>; isPermitted?: boolean } = {}) {
  const steps: string[] = [];
  const [metrics, tracer] = [new MemoryMetrics(), new MemoryTracer()];
  const seen: unknown[] = [];
  const handler = {
    type: 'notes.write-note',
    permission: 'notes:write' as const,
    schema: z.object({ text: z.string(), tags: z.array(z.object({ 'a/b': z.string() })).optional() }),
    handle: async (...parts: unknown[]) => {
      steps.push('handle');
      seen.push(...parts);
      return form.handle?.() ?? { streamVersion: 1 };
    },
  } as unknown as CommandHandler;
  const access = {
    authorise: (): void => {
      steps.push('authorise');
      if (form.isPermitted === false) throw new NotPermitted('security.not-permitted', 'No.', 'Ask.');
    },
  };
  const pipeline = new CommandPipeline([handler], { access, metrics, tracer, clock });
  return { pipeline, steps, metrics, tracer, seen, handler, access };
}

const stored = (form: Partial<StoredCommand> = {}): StoredCommand => {
  const { consumedBy: _, ...command } = newCommand();
  const at = clock.now();
  return {
    ...command,
    status: 'consumed',
    attempts: 1,
    result: undefined,
    error: undefined,
    acceptedAt: at,
    updatedAt: at,
    ...form,
  };
};
const outcomes = (metrics: MemoryMetrics, outcome: string): number =>
  metrics.observed('groundwork_command_duration_seconds', { type: 'notes.write-note', outcome }).length;

describe('CommandPipeline', () => {
  it('validates, authorises, traces, measures and handles', async () => {
    const { pipeline, steps, metrics, tracer, seen } = newPipeline();
    tracer.traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const command = stored({ payload: new ExactJson('{ "text": "a" }'), ifMatch: 2 });
    expect(await pipeline.run(command)).toEqual({ streamVersion: 1 });
    expect(steps).toEqual(['authorise', 'handle']);
    expect(tracer.spans).toEqual(['command notes.write-note']);
    expect(outcomes(metrics, 'processed')).toBe(1);
    expect(seen).toEqual([
      { text: 'a' },
      {
        commandId: command.id,
        tenant: command.tenant,
        actor: command.actor,
        correlationId: 'correlation-1',
        ifMatch: 2,
        traceparent: tracer.traceparent,
        now: new Date('2026-03-04T05:06:07.000Z'),
      },
      '{ "text": "a" }',
    ]);
  });

  it('points at what is wrong with a payload and asks nobody else', async () => {
    const { pipeline, steps } = newPipeline();
    const run = pipeline.run(stored({ payload: new ExactJson('{"text":"a","tags":[{"a/b":1}]}') }));
    await expect(run).rejects.toMatchObject({ code: 'command.invalid-payload', issues: [{ pointer: '/tags/0/a~1b' }] });
    expect(steps).toEqual([]);
  });

  it('lets nobody handle what the sender may not do', async () => {
    const { pipeline, steps, tracer } = newPipeline({ isPermitted: false });
    await expect(pipeline.run(stored())).rejects.toMatchObject({ code: 'security.not-permitted' });
    expect(steps).toEqual(['authorise']);
    expect(tracer.spans).toEqual([]);
  });

  it('measures refusals apart from faults', async () => {
    const refusing = newPipeline({ handle: () => Promise.reject(new Refusal('note.refused', 'No.', 'Ask.')) });
    await expect(refusing.pipeline.run(stored())).rejects.toMatchObject({ code: 'note.refused' });
    expect(outcomes(refusing.metrics, 'refused')).toBe(1);
    const away = newPipeline({
      handle: () => Promise.reject(new Unavailable('database.unavailable', 'Away.', 'Wait.')),
    });
    await expect(away.pipeline.run(stored())).rejects.toBeInstanceOf(Unavailable);
    expect(outcomes(away.metrics, 'faulted')).toBe(1);
  });

  it('does not know a command that nobody handles', async () => {
    const run = newPipeline().pipeline.run(stored({ type: 'notes.burn-note' }));
    await expect(run).rejects.toMatchObject({ code: 'command.no-handler' });
  });

  it('refuses to be made with two handlers of one type', () => {
    const { handler, access } = newPipeline();
    const ports = { access, metrics: new MemoryMetrics(), tracer: new MemoryTracer(), clock };
    expect(() => new CommandPipeline([handler, handler], ports)).toThrow(
      expect.objectContaining({ code: 'command.declared-twice' }),
    );
  });

  it.each([{ attemptsMax: 0 }, { attemptsMax: 1.5 }, { retryDelayMs: -1 }, { retryDelayMaxMs: Infinity }])(
    'refuses the retry policy %j, and gives those it takes',
    (retry) => {
      const { handler, access } = newPipeline();
      const ports = { access, metrics: new MemoryMetrics(), tracer: new MemoryTracer(), clock };
      expect(() => new CommandPipeline([{ ...handler, retry }], ports)).toThrow(
        expect.objectContaining({ code: 'command.malformed-retry' }),
      );
      const taken = new CommandPipeline([{ ...handler, retry: { attemptsMax: 2 } }], ports);
      expect([taken.retryOf(handler.type), taken.retryOf('notes.unknown')]).toEqual([{ attemptsMax: 2 }, {}]);
    },
  );
});
