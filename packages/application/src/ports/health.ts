// Whether this process can do its work.
import { port } from '../port.ts';

export interface HealthCheck {
  readonly name: string;
  /** False for what the process can do without: its failure is told, and the process stays ready. */
  readonly isVital?: boolean;
  /** Returns when healthy, throws what is wrong. Called for readiness only; liveness touches nothing. */
  check(): Promise<void>;
}
export const HealthCheck = port<HealthCheck>('HealthCheck');
