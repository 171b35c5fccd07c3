// Hears from Redis which keys have changed, whoever changed them: what a level in the process needs to stay true.
import type { Redis } from 'ioredis';
import { redisConnection } from './redis-connection.ts';
import { REDIS_PREFIX } from './redis-keys.ts';

export interface KeyListener {
  changed(redisKeys: readonly string[]): void;
  /** Nothing that was known may be believed any longer. */
  lost(): void;
}

const CHANNEL = '__redis__:invalidate';
const BEAT_MS = 250;
/** For how long a connection is believed that does not answer. */
export const TRUSTED_MS = 1_000;

/**
 * Redis tells each change of a key before it answers anything that was asked later (CLIENT TRACKING in broadcast mode,
 * sent to the connection itself). Not all is heard: while the connection is away, `isTrusted` is false, and what
 * was known is dropped.
 */
export class KeyChanges {
  readonly #listener: KeyListener;
  readonly #redis: Promise<Redis>;
  readonly #beat: NodeJS.Timeout;
  #isListening = false;
  #answeredMs = -Infinity;

  constructor(url: string, listener: KeyListener) {
    this.#listener = listener;
    this.#redis = redisConnection(url, {
      connectionName: 'groundwork-cache-changes',
      protocol: 2,
      autoResubscribe: false,
    });
    this.#redis.then(
      (redis) => this.#follow(redis),
      () => undefined,
    );
    this.#beat = setInterval(() => void this.#ask(), BEAT_MS).unref();
  }

  /** Whether every change of the last moment has been heard. */
  get isTrusted(): boolean {
    return this.#isListening && performance.now() - this.#answeredMs < TRUSTED_MS;
  }

  async close(): Promise<void> {
    clearInterval(this.#beat);
    const redis = await this.#redis.catch(() => undefined);
    redis?.disconnect();
  }

  #follow(redis: Redis): void {
    redis.on('ready', () => void this.#listen(redis));
    redis.on('close', () => this.#lose());
    redis.on('messageBuffer', (_channel: Buffer, keys: unknown) => {
      // Everything was flushed when it names no keys.
      if (Array.isArray(keys)) this.#listener.changed((keys as Buffer[]).map(String));
      else this.#listener.lost();
    });
    if (redis.status === 'ready') void this.#listen(redis);
  }

  async #listen(redis: Redis): Promise<void> {
    try {
      const askedMs = performance.now();
      const id = await redis.client('ID');
      await redis.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', String(id), 'BCAST', 'PREFIX', REDIS_PREFIX);
      await redis.subscribe(CHANNEL);
      this.#listener.lost();
      this.#answeredMs = askedMs;
      this.#isListening = true;
    } catch {
      this.#lose();
    }
  }

  async #ask(): Promise<void> {
    if (!this.#isListening) return;
    const askedMs = performance.now();
    try {
      await (await this.#redis).ping();
      // A server that was away for long may have dropped what it had to say; the connection would be closed then.
      this.#answeredMs = Math.max(this.#answeredMs, askedMs);
    } catch {
      this.#lose();
    }
  }

  #lose(): void {
    this.#isListening = false;
    this.#listener.lost();
  }
}
