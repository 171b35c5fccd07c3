// Which of two changes Salesforce committed later, in whichever order they arrive.
import type { ChangeEvent } from './change-event.ts';

/** A change's place in the order of Salesforce's commits, in values that JSON holds exactly. */
export interface ChangeOrder {
  readonly commitNumber: string | null;
  readonly commitTimestampMs: number;
  readonly sequenceNumber: number;
}

export const orderOf = ({ commitNumber, commitTimestampMs, sequenceNumber }: ChangeEvent): ChangeOrder => ({
  commitNumber: commitNumber ?? null,
  commitTimestampMs,
  sequenceNumber,
});

/**
 * Whether `one` was committed before `other`: by the time, then by the number, which tells commits of one millisecond
 * apart but begins anew when Salesforce moves an organisation to another instance, then by the sequence inside a
 * commit. False for changes that nothing tells apart.
 */
export function isBefore(one: ChangeOrder, other: ChangeOrder): boolean {
  if (one.commitTimestampMs !== other.commitTimestampMs) return one.commitTimestampMs < other.commitTimestampMs;
  if (one.commitNumber !== null && other.commitNumber !== null) {
    const [own, others] = [BigInt(one.commitNumber), BigInt(other.commitNumber)];
    if (own !== others) return own < others;
  }
  return one.sequenceNumber < other.sequenceNumber;
}
