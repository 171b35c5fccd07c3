// Wires the publisher that the settings choose.
import { EventPublisher, MessageDestination, Misconfigured } from '@groundwork/application';
import { ContainerModule } from 'inversify';
import { EventBridgePublisher } from './eventbridge/eventbridge-publisher.ts';
import type { MessagingSettings } from './messaging.settings.ts';

/** Without a region everything works but publishing, which is refused by name. */
export const messagingModule = (settings: MessagingSettings): ContainerModule =>
  new ContainerModule(({ bind }) => {
    const { eventbridgeRegion: region, eventbridgeEndpoint: endpoint, eventbridgeBus: bus } = settings;
    if (region === undefined) {
      bind<EventPublisher>(EventPublisher).toConstantValue({ publish: () => Promise.reject(regionMissing()) });
      return;
    }
    bind(EventBridgePublisher)
      .toResolvedValue(() => new EventBridgePublisher({ region, endpoint, bus }))
      .inSingletonScope()
      .onDeactivation((publisher: EventBridgePublisher) => publisher.close());
    bind<EventPublisher>(EventPublisher)
      .toResolvedValue((publisher: EventBridgePublisher) => publisher, [EventBridgePublisher])
      .inSingletonScope();
    bind<MessageDestination>(MessageDestination)
      .toResolvedValue((publisher: EventBridgePublisher) => publisher, [EventBridgePublisher])
      .inSingletonScope();
  });

const regionMissing = (): Misconfigured =>
  new Misconfigured(
    'messaging.region-missing',
    'Nothing can be published: EVENTBRIDGE_REGION is not set.',
    'Set EVENTBRIDGE_REGION to the AWS region of the event bus.',
  );
