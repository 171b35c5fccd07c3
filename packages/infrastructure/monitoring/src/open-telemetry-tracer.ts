// The Tracer port over the OpenTelemetry API: costs next to nothing until a process installs an SDK.
import type { SpanFacts, Tracer } from '@groundwork/application';
import { isSpanContextValid, SpanStatusCode, trace, type Link, type Span } from '@opentelemetry/api';

export class OpenTelemetryTracer implements Tracer {
  readonly #scope: string;

  constructor(scope = 'groundwork') {
    this.#scope = scope;
  }

  get traceparent(): string | undefined {
    const span = trace.getActiveSpan()?.spanContext();
    if (span === undefined || !isSpanContextValid(span)) return undefined;
    return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`;
  }

  span<T>(name: string, facts: () => SpanFacts, work: () => Promise<T>): Promise<T> {
    // Asked anew each time: an SDK that is installed later is then found.
    return trace.getTracer(this.#scope).startActiveSpan(name, async (span) => {
      try {
        if (span.isRecording()) describe(span, facts());
        return await work();
      } catch (error) {
        span.recordException(error instanceof Error ? error : String(error));
        span.setStatus({ code: SpanStatusCode.ERROR, message: (error as { code?: string }).code ?? 'error' });
        throw error;
      } finally {
        span.end();
      }
    });
  }
}

function describe(span: Span, { attributes, links = [] }: SpanFacts): void {
  for (const [name, value] of Object.entries(attributes)) {
    span.setAttribute(name, typeof value === 'object' ? [...value] : value);
  }
  span.addLinks(links.flatMap(linkTo));
}

const TRACEPARENT = /^[0-9a-f]{2}-(?<traceId>[0-9a-f]{32})-(?<spanId>[0-9a-f]{16})-(?<flags>[0-9a-f]{2})$/;

/** None to what is no traceparent: events keep what somebody once wrote. */
function linkTo(traceparent: string): readonly Link[] {
  const { traceId, spanId, flags } = TRACEPARENT.exec(traceparent)?.groups ?? {};
  if (traceId === undefined || spanId === undefined) return [];
  return [{ context: { traceId, spanId, traceFlags: Number.parseInt(flags!, 16), isRemote: true } }];
}
