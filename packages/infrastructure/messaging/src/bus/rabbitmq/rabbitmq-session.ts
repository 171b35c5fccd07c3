// One connection to RabbitMQ that comes back by itself, and what has to be set up each time it does.
import type { ChannelModel, ConfirmChannel, RecoveringChannelModel } from 'amqplib';
import { driver } from '../driver.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_DELAY_MS = 100;
const RECONNECT_DELAY_MAX_MS = 1_000;
/** A server that has fallen silent is given up after two of them. */
const HEARTBEAT_SECONDS = 5;

export interface RabbitSession {
  readonly model: ChannelModel;
  /** Whatever is published is confirmed on this one. */
  readonly publisher: ConfirmChannel;
  /** Aborted when the connection is gone. */
  readonly lost: AbortSignal;
}

export class RabbitSessions {
  readonly #url: string;
  readonly #setUp: (session: RabbitSession) => Promise<void>;
  #connection: Promise<RecoveringChannelModel> | undefined;
  #first: Promise<void> | undefined;
  #session: RabbitSession | undefined;
  #lastError = 'no connection was made yet';

  constructor(url: string, setUp: (session: RabbitSession) => Promise<void>) {
    [this.#url, this.#setUp] = [url, setUp];
  }

  /** Waits while the first connection is made; afterwards whoever finds none is told so at once. */
  async current(): Promise<RabbitSession> {
    if (this.#session !== undefined) return this.#session;
    this.#first ??= this.#begun();
    await this.#first;
    if (this.#session !== undefined) return this.#session;
    throw new Error(`not connected to RabbitMQ: ${this.#lastError}`);
  }

  /** Does something that the server may answer by closing the channel, on a channel of its own. */
  async onChannel<T>(work: (channel: ConfirmChannel) => Promise<T>): Promise<T> {
    const { model } = await this.current();
    const channel = await model.createConfirmChannel();
    channel.on('error', () => undefined);
    try {
      return await work(channel);
    } finally {
      await channel.close().catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    await connection?.close();
  }

  /** One for all who come while it is made. */
  async #begun(): Promise<void> {
    this.#connection = this.#connect();
    try {
      await this.#firstAttempt(await this.#connection);
    } catch (error) {
      this.#connection = this.#first = undefined;
      throw error;
    }
  }

  async #connect(): Promise<RecoveringChannelModel> {
    const { connect } = (await driver('amqplib', () => import('amqplib'))).default;
    const url = new URL(this.#url);
    if (!url.searchParams.has('heartbeat')) url.searchParams.set('heartbeat', String(HEARTBEAT_SECONDS));
    const connection = await connect(url.href, {
      timeout: CONNECT_TIMEOUT_MS,
      noDelay: true,
      recovery: {
        waitForConnect: false,
        initialDelay: RECONNECT_DELAY_MS,
        maxDelay: RECONNECT_DELAY_MAX_MS,
        setup: (model: ChannelModel) => this.#begin(model),
      },
    });
    connection.on('error', () => undefined);
    connection.on('connect-failed', (error) => (this.#lastError = error.message));
    connection.on('disconnect', (error?: Error) => (this.#lastError = error?.message ?? 'the connection was closed'));
    return connection;
  }

  async #begin(model: ChannelModel): Promise<void> {
    const lost = new AbortController();
    model.on('error', () => undefined);
    model.on('close', () => {
      if (this.#session?.model === model) this.#session = undefined;
      lost.abort();
    });
    const publisher = await model.createConfirmChannel();
    publisher.on('error', () => undefined);
    // Without its channel a session is of no use: the next one has a new channel.
    publisher.on('close', () => void model.close().catch(() => undefined));
    const session = { model, publisher, lost: lost.signal };
    await this.#setUp(session);
    if (!lost.signal.aborted) this.#session = session;
  }

  async #firstAttempt(connection: RecoveringChannelModel): Promise<void> {
    const failed = Promise.withResolvers<void>();
    connection.once('connect-failed', () => failed.resolve());
    await Promise.race([connection.waitForConnect(), failed.promise]).catch(() => undefined);
  }
}

/** Whether a call was refused with this AMQP reply code. */
export const isReply = (error: unknown, code: 404 | 405 | 406): boolean =>
  (error as { code?: unknown }).code === code || (error as Error).message.includes(`${code} (`);
