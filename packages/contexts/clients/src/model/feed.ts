// What arrives from Salesforce and is not about a record we follow: kept as it came, decided without a state.
import type { Decider, DomainEvent } from '@groundwork/domain';

/** Salesforce lost count: more records of the entity changed than it could tell, so all have to be compared. */
export type FeedOverflowed = DomainEvent<'FeedOverflowed', null>;
/** A record of an entity outside the registry changed. */
export type RecordChanged = DomainEvent<'RecordChanged', null>;

export type FeedEvent = FeedOverflowed | RecordChanged;

/** The event that each of these decisions leads to. */
export const feed: Decider<FeedEvent['type'], null, FeedEvent> = {
  initialState: null,
  evolve: (state) => state,
  decide: (type) => [{ type, data: null }],
};
