import { describe, expect, it } from '@jest/globals';
import { chosenBus, messagingSettings } from './messaging.settings.ts';

describe('The settings of messaging', () => {
  it('need nothing, and then use the default bus', () => {
    expect(messagingSettings.parse({})).toEqual({
      eventbridgeBus: 'default',
      busPrefix: 'groundwork',
      cloudEventMode: 'structured',
    });
    expect(chosenBus(messagingSettings.parse({}))).toBe('memory');
  });

  it.each(['eu-north-1', 'us-gov-west-1', 'ap-southeast-2'])('know the region %s', (eventbridgeRegion) => {
    expect(messagingSettings.parse({ eventbridgeRegion })).toMatchObject({ eventbridgeRegion });
  });

  it.each([
    { eventbridgeRegion: 'Stockholm' },
    { eventbridgeEndpoint: 'ftp://127.0.0.1' },
    { eventbridgeBus: 'two words' },
    { bus: 'pigeon' },
    { bus: 'nats' },
    { amqpUrl: 'amqp://a', natsUrl: 'nats://b' },
    { kafkaBrokers: 'one two' },
    { redisUrl: 'http://a' },
  ])('refuse %j', (settings) => {
    expect(messagingSettings.safeParse(settings).success).toBe(false);
  });

  it.each([
    ['redis', { redisUrl: 'redis://a' }],
    ['rabbitmq', { redisUrl: 'redis://a', amqpUrl: 'amqp://b' }],
    ['nats', { natsUrl: 'nats://a' }],
    ['kafka', { kafkaBrokers: 'a:1,b:2' }],
    ['nats', { bus: 'nats', amqpUrl: 'amqp://a', natsUrl: 'nats://b' }],
    ['memory', { bus: 'memory', amqpUrl: 'amqp://a' }],
  ])('choose %s for %j', (name, settings) => {
    expect(chosenBus(messagingSettings.parse(settings))).toBe(name);
  });
});
