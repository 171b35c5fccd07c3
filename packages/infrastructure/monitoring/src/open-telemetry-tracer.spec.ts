import type { SpanFacts } from '@groundwork/application';
import { context, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { OpenTelemetryTracer } from './open-telemetry-tracer.ts';

const tracer = new OpenTelemetryTracer();
const OTHER = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const nothing = (): SpanFacts => ({ attributes: {} });

describe('OpenTelemetryTracer without an SDK', () => {
  it('runs the work, gives its value, and asks for nothing that nobody records', async () => {
    const facts = (): SpanFacts => {
      throw new Error('Nobody asked.');
    };
    expect(await tracer.span('append', facts, () => Promise.resolve(7))).toBe(7);
    expect(await tracer.span('append', facts, async () => tracer.traceparent)).toBeUndefined();
  });

  it('throws on what the work throws', async () => {
    const failing = tracer.span('append', nothing, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
  });
});

describe('OpenTelemetryTracer with an SDK', () => {
  const exporter = new InMemorySpanExporter();
  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
  });
  beforeEach(() => exporter.reset());
  afterAll(() => {
    trace.disable();
    context.disable();
  });

  it('records name, attributes, and links to spans of other traces; no link for what names none', async () => {
    const attributes = { projection: 'shop.orders', tenants: ['a', 'b'], position: 7 };
    await tracer.span(
      'projection shop.orders',
      () => ({ attributes, links: [OTHER, 'zz'] }),
      async () => undefined,
    );
    const [span] = exporter.getFinishedSpans();
    expect(span).toMatchObject({ name: 'projection shop.orders', attributes });
    expect(span!.links.map((link) => link.context)).toMatchObject([
      { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', traceFlags: 1, isRemote: true },
    ]);
  });

  it('knows the span around the caller, also behind a wait, and the spans inside it', async () => {
    const around = await tracer.span('command', nothing, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      await tracer.span('append', nothing, async () => undefined);
      return tracer.traceparent;
    });
    const [append, command] = exporter.getFinishedSpans();
    const { traceId, spanId } = command!.spanContext();
    expect(around).toBe(`00-${traceId}-${spanId}-01`);
    expect(append!.parentSpanContext).toMatchObject({ traceId, spanId });
    expect(tracer.traceparent).toBeUndefined();
  });

  it('marks the span of work that throws', async () => {
    await tracer.span('append', nothing, () => Promise.reject(new Error('no'))).catch(() => undefined);
    const [span] = exporter.getFinishedSpans();
    expect(span!.status.code).toBe(SpanStatusCode.ERROR);
    expect(span!.events).toMatchObject([{ name: 'exception' }]);
  });
});
