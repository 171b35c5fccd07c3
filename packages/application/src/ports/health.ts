// Whether this process can do its work.
import { port } from '../port.ts';

export interface HealthCheck {
  readonly name: string;
  /** Returns when healthy, throws what is wrong. Called for readiness only; liveness touches nothing. */
  check(): Promise<void>;
}
export const HealthCheck = port<HealthCheck>('HealthCheck');
