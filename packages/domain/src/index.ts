// The language of models. It imports nothing.
export { AggregateRoot } from './aggregate-root.ts';
export { CodedError, type ErrorDetails } from './coded-error.ts';
export { replay, type Decider } from './decider.ts';
export type { DomainEvent } from './domain-event.ts';
export { Refusal } from './refusal.ts';
export { parseStreamId, streamId, streamName, type StreamId } from './stream-id.ts';
export { parseTenantId, type TenantId } from './tenant-id.ts';
export { eventIdOf, isUuid, parseUuid, uuidV7, type Uuid } from './uuid.ts';
