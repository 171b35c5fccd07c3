// Where time goes, across processes.
import { port } from '../port.ts';

/** What is known of the work of a span. */
export interface SpanFacts {
  readonly attributes: Readonly<Record<string, string | number | readonly string[]>>;
  /** The spans, in traces of their own, that led to the work: each as W3C `traceparent`. */
  readonly links?: readonly string[];
}

export interface Tracer {
  /** Of the span in which the caller runs, in W3C form; undefined where nobody records. */
  readonly traceparent: string | undefined;
  /** Runs `work` in a span; what it throws marks the span and is thrown on. `facts` is asked where somebody records. */
  span<T>(name: string, facts: () => SpanFacts, work: () => Promise<T>): Promise<T>;
}
export const Tracer = port<Tracer>('Tracer');
