// A connection to Redis: the driver is loaded when it is first needed, and nothing waits for a server that is away.
import { Misconfigured } from '@groundwork/application';
import type { Redis, RedisOptions } from 'ioredis';

const CONNECT_TIMEOUT_MS = 1_000;
const FIRST_WAIT_MS = 500;
const RECONNECT_MS = 50;
const RECONNECT_MS_MAX = 1_000;

/**
 * Resolves when it is connected, could not be for the first time, or is still on its way after half a second; connects
 * again whenever the connection is lost. A command without a connection fails at once.
 */
export async function redisConnection(url: string, options: Omit<RedisOptions, 'replyMapping'>): Promise<Redis> {
  const { Redis } = await import('ioredis').catch((error: unknown) => {
    throw driverMissing(error);
  });
  const impatient: typeof options = {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (attempts) => Math.min(RECONNECT_MS * 2 ** Math.min(attempts, 10), RECONNECT_MS_MAX),
    ...options,
  };
  const redis = new Redis(url, impatient);
  // Told by whatever cannot be done without the connection.
  redis.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    redis.once('ready', () => resolve());
    redis.once('close', () => resolve());
    setTimeout(resolve, FIRST_WAIT_MS).unref();
  });
  return redis;
}

const driverMissing = (cause: unknown): Misconfigured =>
  new Misconfigured(
    'cache.driver-missing',
    'REDIS_URL is set, and the driver for Redis is not installed.',
    'Install it: npm install ioredis@6.0.0; or leave REDIS_URL out.',
    {},
    { cause },
  );
