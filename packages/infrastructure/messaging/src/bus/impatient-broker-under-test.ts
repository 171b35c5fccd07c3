// The broker of settings, which soon hands on what a dead consumer held.
import type { Logger } from '@groundwork/application';
import { messagingSettings } from '../messaging.settings.ts';
import { brokerOf } from './broker-of.ts';
import type { Broker } from './broker.ts';
import { NatsBroker } from './nats/nats-broker.ts';
import { RedisBroker } from './redis/redis-broker.ts';

const TAKEN_OVER_AFTER_MS = 1_500;

export function impatientBroker(settings: Readonly<Record<string, string>>, logger: Logger): Broker {
  const { busPrefix: prefix, redisUrl, natsUrl, ...others } = messagingSettings.parse(settings);
  if (redisUrl !== undefined) return new RedisBroker({ url: redisUrl, prefix, idleMs: TAKEN_OVER_AFTER_MS });
  if (natsUrl !== undefined) return new NatsBroker({ url: natsUrl, prefix, ackWaitMs: TAKEN_OVER_AFTER_MS });
  return brokerOf({ busPrefix: prefix, ...others }, logger);
}
