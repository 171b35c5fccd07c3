// How batches of events take effect: on the rows of a read model, or at a destination elsewhere.
import type { Clock } from '../ports/clock.ts';
import type { EventLog, LogSignal } from '../ports/event-log.ts';
import type { Ids } from '../ports/ids.ts';
import type { Metrics } from '../ports/metrics.ts';
import type { ProjectionStore, Slice } from '../ports/projection-store.ts';
import { RelayEffect } from '../relays/relay-effect.ts';
import { RelayReport } from '../relays/relay-report.ts';
import { isRelay, type Relay } from '../relays/relay.ts';
import { takeEffect, type Batch, type RetryPolicy } from './projection-batch.ts';
import { ProjectionReport, type SubscriptionReport } from './projection-report.ts';
import type { Projection } from './projection.ts';

/** Resolves when the batch has taken effect and the checkpoint is behind it; throws what passes by itself. */
export type Effect = (batch: Omit<Batch, 'projection' | 'ids'>, retry: RetryPolicy) => Promise<Slice>;

export function effectOf(
  subscription: Projection | Relay,
  ports: { readonly store: ProjectionStore; readonly log: EventLog; readonly ids: Ids },
): Effect {
  if (isRelay(subscription)) {
    const effect = new RelayEffect(subscription, ports);
    return (batch, retry) => effect.take(batch, retry);
  }
  return (batch, retry) => takeEffect({ ...batch, projection: subscription, ids: ports.ids }, ports.store, retry);
}

export const reportOf = (
  subscription: Projection | Relay,
  ports: {
    readonly store: ProjectionStore;
    readonly signal: LogSignal;
    readonly clock: Clock;
    readonly metrics: Metrics;
  },
): SubscriptionReport =>
  isRelay(subscription) ? new RelayReport(subscription, ports) : new ProjectionReport(subscription, ports);

/** Makes the slices of a subscription known that nobody has run before, behind the position where it begins. */
export async function register(
  subscription: Projection | Relay,
  slices: number,
  { store, signal }: { readonly store: ProjectionStore; readonly signal: LogSignal },
): Promise<void> {
  const isFromNow = isRelay(subscription) && subscription.startAt === 'now';
  await store.register(subscription, slices, isFromNow ? (await signal.head()).position : 0n);
}
