// Where time goes, across processes.
import { port } from '../port.ts';

export interface Tracer {
  /** Runs `work` inside a span; a thrown error marks the span and is thrown on. */
  span<T>(name: string, attributes: Readonly<Record<string, string | number>>, work: () => Promise<T>): Promise<T>;
}
export const Tracer = port<Tracer>('Tracer');
