// What a test has made at a broker under names of its own, removed.
import { connect as connectNats } from '@nats-io/transport-node';
import { jetstreamManager } from '@nats-io/jetstream';
import amqplib from 'amqplib';
import { Redis } from 'ioredis';

export const REMOVALS = {
  async rabbitmq(url: string, prefix: string): Promise<void> {
    const connection = await amqplib.connect(url);
    const channel = await connection.createChannel();
    await channel.deleteExchange(prefix);
    await connection.close();
  },
  async nats(url: string, prefix: string): Promise<void> {
    const connection = await connectNats({ servers: new URL(url).host });
    const { streams } = await jetstreamManager(connection);
    for (const stream of [prefix, `${prefix}-dead`, `${prefix}-again`]) await streams.delete(stream).catch(() => false);
    await connection.close();
  },
  async redis(url: string, prefix: string): Promise<void> {
    const redis = new Redis(url);
    const keys = await redis.keys(`{${prefix}}:*`);
    if (keys.length > 0) await redis.del(...keys);
    redis.disconnect();
  },
} as const;
