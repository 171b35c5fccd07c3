// Events on their way to other systems.
export { BrokeredMessageBus } from './bus/brokered-message-bus.ts';
export { KafkaBroker, type KafkaBusSettings } from './bus/kafka/kafka-broker.ts';
export { MemoryBroker, MemoryQueues } from './bus/memory/memory-broker.ts';
export { NatsBroker, type NatsBusSettings } from './bus/nats/nats-broker.ts';
export { RabbitBroker, type RabbitBusSettings } from './bus/rabbitmq/rabbitmq-broker.ts';
export { RedisBroker, type RedisBusSettings } from './bus/redis/redis-broker.ts';
export { EventBridgePublisher, type EventBridgeSettings } from './eventbridge/eventbridge-publisher.ts';
export { MemoryEventPublisher } from './memory-event-publisher.ts';
export { messagingModule } from './messaging.module.ts';
export { messagingSettings, type MessagingSettings } from './messaging.settings.ts';
