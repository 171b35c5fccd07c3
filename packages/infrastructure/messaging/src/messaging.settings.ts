// What can be set about where messages and events go.
import { setting } from '@groundwork/application';
import { z } from 'zod';

const fields = z.object({
  eventbridgeRegion: setting(
    z
      .string()
      .regex(/^[a-z]{2}(-[a-z]+)+-\d+$/)
      .optional(),
    {
      variable: 'EVENTBRIDGE_REGION',
      description:
        'The AWS region of the event bus; without it nothing can be published. Credentials are found as AWS tools ' +
        'find them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the role of the machine.',
      allowed: 'a region such as eu-north-1',
    },
  ),
  eventbridgeEndpoint: setting(z.url({ protocol: /^https?$/ }).optional(), {
    variable: 'EVENTBRIDGE_ENDPOINT',
    description: "Where EventBridge answers, when it is not AWS's own address of the region.",
    allowed: 'an http or https URL',
  }),
  eventbridgeBus: setting(
    z
      .string()
      .regex(/^[\w./:-]{1,1600}$/)
      .default('default'),
    {
      variable: 'GW_EVENTBRIDGE_BUS',
      description: 'The event bus that events are published to.',
      allowed: 'the name or the ARN of a bus',
    },
  ),
  bus: setting(z.enum(['memory', 'redis', 'rabbitmq', 'nats', 'kafka']).optional(), {
    variable: 'GW_BUS',
    description:
      'The broker that carries messages between processes. By default the one whose address is set; Redis only when ' +
      'no other is; and with none, messages stay in the process and end with it.',
    allowed: 'memory, redis, rabbitmq, nats, kafka',
  }),
  busPrefix: setting(
    z
      .string()
      .regex(/^[a-z0-9-]{1,40}$/)
      .default('groundwork'),
    {
      variable: 'GW_BUS_PREFIX',
      description: 'What the names of keys, exchanges, streams and topics at the broker begin with.',
      allowed: 'up to 40 lower-case letters, digits and -',
    },
  ),
  cloudEventMode: setting(z.enum(['structured', 'binary']).default('structured'), {
    variable: 'GW_CLOUDEVENTS',
    description:
      'How relays write CloudEvents to the broker: as one JSON object, or with the attributes as headers (`ce-id` …) ' +
      'and the data as the body.',
    allowed: 'structured, binary',
  }),
  redisUrl: setting(z.url({ protocol: /^rediss?$/ }).optional(), {
    variable: 'REDIS_URL',
    description: 'The Redis that programs share.',
    secret: true,
    allowed: 'a redis or rediss URL',
  }),
  amqpUrl: setting(z.url({ protocol: /^amqps?$/ }).optional(), {
    variable: 'AMQP_URL',
    description: 'The RabbitMQ that carries messages between processes.',
    secret: true,
    allowed: 'an amqp or amqps URL',
  }),
  natsUrl: setting(z.url({ protocol: /^(nats|tls)$/ }).optional(), {
    variable: 'NATS_URL',
    description: 'The NATS server with JetStream that carries messages between processes.',
    secret: true,
    allowed: 'a nats or tls URL',
  }),
  kafkaBrokers: setting(
    z
      .string()
      .regex(/^[\w.-]+:\d+(,[\w.-]+:\d+)*$/)
      .optional(),
    {
      variable: 'KAFKA_BROKERS',
      description: 'The Kafka brokers to begin with; they name the others.',
      allowed: 'host:port, separated by commas',
    },
  ),
});

/** A bus without an address, and several addresses without a choice, are faults. */
export const messagingSettings = fields.superRefine((settings, faults) => {
  const { bus } = settings;
  if (bus !== undefined && bus !== 'memory' && settings[ADDRESS[bus]] === undefined) {
    faults.addIssue({ code: 'custom', path: ['bus'], message: `${bus} is chosen, and ${VARIABLE[bus]} is not set` });
  }
  const addressed = addressedOf(settings);
  if (bus === undefined && addressed.length > 1) {
    const message = `${addressed.map((name) => VARIABLE[name]).join(' and ')} are set: say which one carries messages`;
    faults.addIssue({ code: 'custom', path: ['bus'], message });
  }
});

export type MessagingSettings = z.output<typeof fields>;
export type BusName = NonNullable<MessagingSettings['bus']>;

/** The broker that the settings choose. */
export function chosenBus(settings: MessagingSettings): BusName {
  if (settings.bus !== undefined) return settings.bus;
  return addressedOf(settings)[0] ?? (settings.redisUrl === undefined ? 'memory' : 'redis');
}

const ADDRESS = { redis: 'redisUrl', rabbitmq: 'amqpUrl', nats: 'natsUrl', kafka: 'kafkaBrokers' } as const;
const VARIABLE = { redis: 'REDIS_URL', rabbitmq: 'AMQP_URL', nats: 'NATS_URL', kafka: 'KAFKA_BROKERS' } as const;

/** Redis is often there for other reasons, so its address alone is no choice against another. */
const addressedOf = (settings: MessagingSettings): ('rabbitmq' | 'nats' | 'kafka')[] =>
  (['rabbitmq', 'nats', 'kafka'] as const).filter((name) => settings[ADDRESS[name]] !== undefined);
