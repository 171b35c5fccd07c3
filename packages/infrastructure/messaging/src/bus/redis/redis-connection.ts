// Two connections to Redis: one for commands and one that is told when there is something to take.
import type { Redis } from 'ioredis';
import { driver } from '../driver.ts';
import { redisScripts } from './redis-scripts.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 10_000;
const RECONNECT_DELAY_MAX_MS = 1_000;

type ScriptName = keyof typeof redisScripts;
type Scripted = Redis & Record<`${ScriptName}Buffer`, (key: string, ...args: (string | Buffer)[]) => Promise<unknown>>;

export class RedisConnection {
  readonly #url: string;
  readonly #prefix: string;
  readonly #onWake: (queue: string) => void;
  #opened: Promise<{ readonly commands: Scripted; readonly wake: Redis }> | undefined;

  constructor(url: string, prefix: string, onWake: (queue: string) => void) {
    [this.#url, this.#prefix, this.#onWake] = [url, prefix, onWake];
  }

  /** Runs a script in one step; what it answers holds Buffers. Rejects at once while there is no connection. */
  async run(script: ScriptName, ...args: (string | Buffer)[]): Promise<unknown> {
    const { commands } = await this.#open();
    await ready(commands);
    return commands[`${script}Buffer`](this.#prefix, ...args);
  }

  async use<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    const { commands } = await this.#open();
    await ready(commands);
    return work(commands);
  }

  async close(): Promise<void> {
    const opened = await this.#opened?.catch(() => undefined);
    opened?.commands.disconnect();
    opened?.wake.disconnect();
  }

  #open() {
    this.#opened ??= this.#connect();
    this.#opened.catch(() => (this.#opened = undefined));
    return this.#opened;
  }

  async #connect() {
    const { Redis } = await driver('ioredis', () => import('ioredis'));
    const options = {
      lazyConnect: true,
      // Without these, commands pile up in memory while the server is away, and are sent again unasked.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      retryStrategy: (times: number) => Math.min(50 * times, RECONNECT_DELAY_MAX_MS),
      reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    };
    const commands = new Redis(this.#url, options) as Scripted;
    const wake = new Redis(this.#url, { ...options, enableOfflineQueue: true, maxRetriesPerRequest: null });
    for (const redis of [commands, wake]) redis.on('error', () => undefined);
    for (const [name, lua] of Object.entries(redisScripts)) commands.defineCommand(name, { numberOfKeys: 1, lua });
    wake.on('message', (_channel, queue) => this.#onWake(queue));
    void wake.subscribe(`${this.#prefix}:wake`).catch(() => undefined);
    return { commands, wake };
  }
}

/** Waits while a connection is being made for the first time; afterwards whoever finds none is told so. */
async function ready(redis: Redis): Promise<void> {
  if (redis.status === 'ready') return;
  if (redis.status === 'wait') return redis.connect();
  if (redis.status === 'connecting' || redis.status === 'connect') {
    await new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        redis.off('ready', settle).off('close', settle);
        if (redis.status === 'ready') resolve();
        else reject(notConnected());
      };
      redis.once('ready', settle).once('close', settle);
    });
    return;
  }
  throw notConnected();
}

const notConnected = (): Error => new Error('not connected to Redis');
