// Wires the publisher, the message bus and the destinations that the settings choose.
import {
  EventPublisher,
  HealthCheck,
  Logger,
  MessageBus,
  MessageDestination,
  Metrics,
  Misconfigured,
  Resilience,
} from '@groundwork/application';
import { ContainerModule } from 'inversify';
import { brokerOf } from './bus/broker-of.ts';
import { BrokeredMessageBus } from './bus/brokered-message-bus.ts';
import { BusDestination } from './bus/bus-destination.ts';
import { EventBridgePublisher } from './eventbridge/eventbridge-publisher.ts';
import { chosenBus, type MessagingSettings } from './messaging.settings.ts';

type Bind = Parameters<ConstructorParameters<typeof ContainerModule>[0]>[0]['bind'];

/** Nothing connects, and no driver is loaded, before it is used. */
export const messagingModule = (settings: MessagingSettings): ContainerModule =>
  new ContainerModule(({ bind }) => {
    bindPublisher(bind, settings);
    bindBus(bind, settings);
  });

/** Without a region everything works but publishing, which is refused by name. */
function bindPublisher(bind: Bind, settings: MessagingSettings): void {
  const { eventbridgeRegion: region, eventbridgeEndpoint: endpoint, eventbridgeBus: bus } = settings;
  if (region === undefined) {
    bind<EventPublisher>(EventPublisher).toConstantValue({ publish: () => Promise.reject(regionMissing()) });
    return;
  }
  bind(EventBridgePublisher)
    .toResolvedValue(
      (resilience: Resilience) => new EventBridgePublisher({ region, endpoint, bus }, resilience),
      [Resilience],
    )
    .inSingletonScope()
    .onDeactivation((publisher: EventBridgePublisher) => publisher.close());
  bind<EventPublisher>(EventPublisher)
    .toResolvedValue((publisher: EventBridgePublisher) => publisher, [EventBridgePublisher])
    .inSingletonScope();
  bind<MessageDestination>(MessageDestination)
    .toResolvedValue((publisher: EventBridgePublisher) => publisher, [EventBridgePublisher])
    .inSingletonScope();
}

function bindBus(bind: Bind, settings: MessagingSettings): void {
  bind<MessageBus>(MessageBus)
    .toResolvedValue(
      (logger: Logger, metrics: Metrics) =>
        new BrokeredMessageBus(brokerOf(settings, logger.child({ context: 'messages' })), { logger, metrics }),
      [Logger, Metrics],
    )
    .inSingletonScope()
    .onDeactivation((bus) => bus.close());
  if (chosenBus(settings) === 'memory') return;
  bind<MessageDestination>(MessageDestination)
    .toResolvedValue((bus: MessageBus) => new BusDestination(bus, settings.cloudEventMode), [MessageBus])
    .inSingletonScope();
  // Requests are answered without it, and what should be sent waits: a broker that is away makes nobody unready.
  bind<HealthCheck>(HealthCheck)
    .toResolvedValue(
      (bus: MessageBus) => ({ name: 'message-bus', isVital: false, check: () => bus.ping() }),
      [MessageBus],
    )
    .inSingletonScope();
}

const regionMissing = (): Misconfigured =>
  new Misconfigured(
    'messaging.region-missing',
    'Nothing can be published: EVENTBRIDGE_REGION is not set.',
    'Set EVENTBRIDGE_REGION to the AWS region of the event bus.',
  );
