// How a decision is run, and the ports it needs.
// Programs answer errors without importing the language of models.
export { CodedError, Refusal, type ErrorDetails } from '@groundwork/domain';
export { EventSourcedAggregates } from './aggregates/event-sourced-aggregates.ts';
export { loadStream, type EventSourcedModel, type LoadedStream } from './aggregates/load-stream.ts';
export { Snapshots, type SnapshotPolicy, type SnapshotUpcaster } from './aggregates/snapshots.ts';
export { COMMAND_CONSUMER_DEFAULTS, type CommandConsumerSettings } from './commands/command-consumer-settings.ts';
export { CommandConsumer, type CommandConsumerPorts } from './commands/command-consumer.ts';
export { OrderChains } from './commands/order-chains.ts';
export type { CommandContext } from './commands/command-context.ts';
export { commandErrorOf, errorOfCommand } from './commands/command-error.ts';
export { CommandHandler } from './commands/command-handler.ts';
export { CommandPipeline, type CommandPipelinePorts } from './commands/command-pipeline.ts';
export type { CommandRetryPolicy } from './commands/command-retry.ts';
export { decideAndAppend, type Decision } from './commands/decide-and-append.ts';
export { Commands, type Executed, type Submission, type SubmitSettings } from './commands/submit-command.ts';
export {
  Endpoint,
  endpoint,
  type EndpointPermission,
  type EndpointRequest,
  type EndpointResponse,
  type StreamedEvent,
} from './endpoints/endpoint.ts';
export { eventBody, eventBodyOf } from './endpoints/event-body.ts';
export { page, pageLimit, pageOf, positionText, timeText } from './endpoints/page.ts';
export { platformEndpoints, type PlatformPorts } from './endpoints/platform-endpoints.ts';
export { rebuildStreamHandler } from './endpoints/stream-rebuild-endpoints.ts';
export { platformRoles } from './endpoints/platform-roles.ts';
export {
  BulkheadFull,
  CircuitOpen,
  Conflict,
  DuplicateEvent,
  EventsNotPublished,
  GaveUp,
  InvalidInput,
  MessageRejected,
  MessagesNotPublished,
  Misconfigured,
  NotAuthenticated,
  NotFound,
  NotPermitted,
  PreconditionFailed,
  PreconditionRequired,
  RetryExhausted,
  Refused,
  StreamArchived,
  TimedOut,
  Unavailable,
  VersionConflict,
  type InputIssue,
  type UnpublishedEvent,
  type UnpublishedMessage,
} from './errors.ts';
export type {
  EventMetadata,
  EventSource,
  LoggedEvent,
  NewEvent,
  RecordedEvent,
  ValidationInfo,
} from './events/event.ts';
export {
  prepareEvents,
  refuseMalformedExpectation,
  refuseOtherVersion,
  type PreparedEvent,
} from './events/event-forms.ts';
export { eventOfCommand, type EventForm } from './events/events-of-command.ts';
export { EventTypeDefinition, EventTypes, type VersionedData } from './events/event-types.ts';
export { isSplitting, type SplittingUpcaster, type Upcaster } from './events/upcaster.ts';
export { loggedEvent, type StoredEvent } from './events/logged-event.ts';
export { normalisedEvent, type NormalisedEvent } from './events/normalised-event.ts';
export { ExactJson, exactNumberText, jsonTextOf, parseExactJson, type JsonLimits } from './exact-json.ts';
export { exactTextOf, valueOfExactText } from './exact-text.ts';
export { inputIssues } from './input-issues.ts';
export { rowLineage, type RowLineage, type RowQuestion, type RowStep } from './lineage/row-lineage.ts';
export { StreamModel, streamModel } from './lineage/stream-model.ts';
export {
  StreamReplay,
  type HandlerLimit,
  type Replayed,
  type ReplayedRow,
  type ReplayStep,
} from './lineage/stream-replay.ts';
export { handling, messageOf, type MessageType } from './messages/message-type.ts';
export { topicMatches } from './messages/topics.ts';
export { pause } from './pause.ts';
export { port, type Port } from './port.ts';
export { Access, Authenticator, RoleDefinition, type Actor, type Permission } from './ports/access.ts';
export type { AggregateChange, AggregateStore, LoadedAggregate } from './ports/aggregate-store.ts';
export { CacheDefinition, Caches, type Cache, type CacheHit, type CacheOptions } from './ports/cache.ts';
export {
  CacheStrategyDefinition,
  type CacheClaim,
  type CacheEntry,
  type CacheSpace,
  type CacheStrategy,
} from './ports/cache-strategy.ts';
export { ChangeNotifications, type ChangeChannel } from './ports/change-notifications.ts';
export { Clock } from './ports/clock.ts';
export {
  ATTEMPTS_IN_COMPANY_MAX,
  CommandQueue,
  CommandStore,
  type CommandBacklog,
  type CommandError,
  type CommandResult,
  type CommandStatus,
  type NewCommand,
  type StoredCommand,
} from './ports/command-store.ts';
export {
  EventLog,
  LogSignal,
  type LogHead,
  type LogPage,
  type LogRead,
  type StreamKey,
  type TenantBacklog,
} from './ports/event-log.ts';
export { EventPublisher } from './ports/event-publisher.ts';
export { EventSubscriber } from './ports/event-subscriber.ts';
export {
  EventStore,
  type Append,
  type Appended,
  type EventQuery,
  type ExpectedVersion,
  type FromSnapshot,
  type SchemaVersions,
  type Snapshot,
  type StreamRange,
  type StreamSnapshot,
} from './ports/event-store.ts';
export { HealthCheck } from './ports/health.ts';
export { Ids } from './ports/ids.ts';
export { Logger, type LogFields, type LogLevel } from './ports/logger.ts';
export {
  MESSAGE_BYTES_MAX,
  MessageBus,
  type BusMessage,
  type ConsumerLimits,
  type DeadLetter,
  type MessageContext,
  type MessageHandler,
  type MessageQueues,
  type PublishOptions,
  type QueueDefinition,
  type QueueFacts,
  type Reply,
  type Responder,
  type RunningSubscription,
  type Subscription,
} from './ports/message-bus.ts';
export {
  MessageDestination,
  messageId,
  type OutgoingMessage,
  type UnsentMessage,
} from './ports/message-destination.ts';
export { MessageSubscriber } from './ports/message-subscriber.ts';
export { Metrics, type Counter, type Gauge, type Histogram, type MetricLabels } from './ports/metrics.ts';
export {
  DeadLetters,
  ProjectionStore,
  type NewlyParked,
  type ParkedStream,
  type ProjectionProgress,
  type ProjectionState,
  type ProjectionTransaction,
  type Slice,
  type TenantRow,
} from './ports/projection-store.ts';
export { ReadModelVersions, type ReadModelVersion } from './ports/read-model-versions.ts';
export { ReadModels } from './ports/read-models.ts';
export {
  Rebuilds,
  SAMPLE_COUNT_MAX,
  type Rebuild,
  type RebuildComparison,
  type RebuildKind,
  type RebuildState,
  type RowDifference,
} from './ports/rebuilds.ts';
export {
  Resilience,
  type CircuitState,
  type Policy,
  type PolicyCall,
  type PolicyChoice,
  type PolicySettings,
  type ResiliencePattern,
} from './ports/resilience.ts';
export { TimeLimit } from './ports/time-limit.ts';
export { Tracer, type SpanFacts } from './ports/tracer.ts';
export { aheadOfLog, reachedPosition, refusalOf } from './projections/ahead-of-log.ts';
export { differingColumns } from './projections/differing-columns.ts';
export { HandlerCalls } from './projections/handler-calls.ts';
export { pagesAhead } from './projections/pages-ahead.ts';
export { buildingProjection, buildName, liveName } from './projections/building-projection.ts';
export { PROJECTION_RUNNER_DEFAULTS, type ProjectionRunnerSettings } from './projections/projection-runner-settings.ts';
export { ProjectionRunner, type ProjectionRunnerPorts } from './projections/projection-runner.ts';
export { InlineChange, inlineProjection, unrecordedEvent, type InlineBefore } from './projections/inline-projection.ts';
export { ProjectionRegistry, tableMissing } from './projections/projection-registry.ts';
export { RebuildRunner, type RebuildRunnerPorts } from './projections/rebuild-runner.ts';
export {
  Projection,
  VERSION_COLUMN,
  type ColumnMerge,
  type ColumnType,
  type FollowUp,
  type FollowUps,
  type ReadModelTable,
  type Row,
} from './projections/projection.ts';
export type { LogSubscription } from './projections/log-subscription.ts';
export { mergedRow, upsertProjection, type UpsertProjection } from './projections/upsert-projection.ts';
export { refuseImpossibleReadPolicy, type ReadPolicy } from './projections/read-policy.ts';
export { rebuildStream, type StreamRebuild, type StreamRebuildPorts } from './projections/rebuild-stream.ts';
export { replay } from './projections/replay.ts';
export { logSource } from './pumps/log-source.ts';
export { Pump, PUMP_DEFAULTS, type Pumped, type PumpPorts, type PumpSettings, type PumpSource } from './pumps/pump.ts';
export { asyncApiDocument } from './relays/async-api.ts';
export { cloudEventType, topicOf } from './relays/message-names.ts';
export { Publication, type Announcement, type MessageDefinition } from './relays/publication.ts';
export { isRelayName, Relays, relaysOf, type Relay, type RelayStart } from './relays/relay.ts';
export { cacheKey, cacheResult } from './queries/cache-result.ts';
export { CachedReads, ProjectionReads, type CachedRead, type ReadProjection } from './queries/cached-reads.ts';
export { slowestPosition, waitForPosition } from './queries/wait-for-position.ts';
export {
  faultOf,
  faultOfCode,
  faultOfMessage,
  isOutage,
  isRetryable,
  isTransient,
  isTransientFault,
  type CallKind,
} from './resilience/faults.ts';
export { type Fault } from './resilience/fault-table.ts';
export { exponential, fixed, type ExponentialDelay, type RetryDelay } from './resilience/retry-delay.ts';
export { setting, wholeNumberSetting, type SettingMeta } from './settings.ts';
