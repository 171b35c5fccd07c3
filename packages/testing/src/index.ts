// What tests of Groundwork and of contexts stand on.
export { testDatabase, type TestDatabase } from './test-database.ts';
export {
  counter,
  describeAggregateStore,
  type AggregateStoreUnderTest,
  type CounterEvent,
  type CounterState,
} from './aggregate-store/aggregate-store-contract.ts';
export { describeSnapshotsOfAggregates, type SnapshotsUnderTest } from './aggregate-store/snapshots-contract.ts';
export { FaultProxy, type LineState } from './fault-proxy.ts';
export { hasKafka, KafkaCluster } from './kafka-cluster.ts';
export { serverUnderTest, type ServerUnderTest } from './running-servers.ts';
export { describeCacheStrategy, type CacheStrategyUnderTest } from './cache/cache-strategy-contract.ts';
export { FixedClock, SeededIds, SystemClock } from './clocks-and-ids.ts';
export { describeCommandStore, type CommandStoreUnderTest } from './command-store/command-store-contract.ts';
export { describeRunningCommands } from './command-store/running-commands-contract.ts';
export { newCommand } from './command-store/new-command.ts';
export { describeEventPublisher, type EventPublisherUnderTest } from './event-publisher/event-publisher-contract.ts';
export { FAKE_AWS_KEYS, FakeEventBridge, type PutEventsRequest } from './event-publisher/fake-event-bridge.ts';
export { eventually } from './eventually.ts';
export { ScriptedDestination, type Fate } from './relay/scripted-destination.ts';
export {
  describeEventStore,
  type EventStoreFixture,
  type EventStoreUnderTest,
} from './event-store/event-store-contract.ts';
export { describeDeciderLaws, describeSnapshotLaw, given, type Then, type When } from './given-when-then.ts';
export {
  describeMessageBus,
  type ConnectedBus,
  type MessageBusFixture,
  type MessageBusTraits,
} from './message-bus/message-bus-contract.ts';
export { HeardMessages, newMessage, newWord, textOf } from './message-bus/new-message.ts';
export {
  collected,
  dataOf,
  newEvent,
  newId,
  newLoggedEvent,
  newOutgoingMessage,
  newStream,
  newTenant,
} from './new-event.ts';
export { describeHanging } from './projection-store/hanging.ts';
export { describeInlineProjections } from './projection-store/inline-projections.ts';
export { describeProjectionRunner } from './projection-store/projection-runner-contract.ts';
export { rebuilt } from './projection-store/rebuilding.ts';
export { describeProjectionStore } from './projection-store/projection-store-contract.ts';
export {
  noteCount,
  noteList,
  noteTypes,
  type MakeProjectionStore,
  type ProjectionStoreUnderTest,
} from './projection-store/projection-fixture.ts';
export { MemoryLogger, MemoryMetrics, MemoryTracer, type LogLine } from './observations.ts';
export { BrokerServer, hasBrokerServer, type BrokerName } from './broker-server.ts';
export { TcpLink } from './tcp-link.ts';
export { describeWithRedis, RedisServer } from './redis-server.ts';
export { VmTimeLimit } from './vm-time-limit.ts';
export { PlainResilience } from './plain-resilience.ts';
export { scraped, seriesOf, type ScrapedSeries } from './scraped.ts';
