// The broker that the settings choose, not yet connected.
import type { Logger } from '@groundwork/application';
import { chosenBus, type MessagingSettings } from '../messaging.settings.ts';
import type { Broker } from './broker.ts';
import { KafkaBroker } from './kafka/kafka-broker.ts';
import { MemoryBroker } from './memory/memory-broker.ts';
import { NatsBroker } from './nats/nats-broker.ts';
import { RabbitBroker } from './rabbitmq/rabbitmq-broker.ts';
import { RedisBroker } from './redis/redis-broker.ts';

/** The address is there: settings without it are refused. */
export function brokerOf(settings: MessagingSettings, logger: Logger): Broker {
  const { busPrefix: prefix, redisUrl, amqpUrl, natsUrl, kafkaBrokers } = settings;
  switch (chosenBus(settings)) {
    case 'redis':
      return new RedisBroker({ url: redisUrl!, prefix, logger });
    case 'rabbitmq':
      return new RabbitBroker({ url: amqpUrl!, prefix, logger });
    case 'nats':
      return new NatsBroker({ url: natsUrl!, prefix, logger });
    case 'kafka':
      return new KafkaBroker({ brokers: kafkaBrokers!.split(','), prefix });
    case 'memory':
      return new MemoryBroker();
  }
}
