// The Tracer port over the OpenTelemetry API: costs next to nothing until a process installs an SDK.
import type { Tracer } from '@groundwork/application';
import { SpanStatusCode, trace } from '@opentelemetry/api';

export class OpenTelemetryTracer implements Tracer {
  readonly #scope: string;

  constructor(scope = 'groundwork') {
    this.#scope = scope;
  }

  span<T>(name: string, attributes: Readonly<Record<string, string | number>>, work: () => Promise<T>): Promise<T> {
    // Asked anew each time: an SDK that is installed later is then found.
    return trace.getTracer(this.#scope).startActiveSpan(name, { attributes: { ...attributes } }, async (span) => {
      try {
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
