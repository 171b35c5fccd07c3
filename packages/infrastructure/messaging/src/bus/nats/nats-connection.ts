// One connection to NATS, and the streams that a bus needs there.
import type * as JetStream from '@nats-io/jetstream';
import type * as Transport from '@nats-io/transport-node';
import { driver } from '../driver.ts';
import type { NatsNames } from './nats-form.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 5_000;
const RECONNECT_DELAY_MS = 250;
/** A server that has fallen silent is given up after two of them. */
const PING_INTERVAL_MS = 5_000;
const NANOS_PER_MS = 1_000_000;
const DUPLICATES_WINDOW_MS = 120_000;

export interface NatsLibrary {
  readonly jetstream: typeof JetStream;
  readonly transport: typeof Transport;
}

export interface NatsLink extends NatsLibrary {
  readonly connection: Transport.NatsConnection;
  readonly js: JetStream.JetStreamClient;
  readonly manager: JetStream.JetStreamManager;
  /** False while the connection is being made again. */
  isUp: boolean;
}

export class NatsConnections {
  readonly #url: string;
  readonly #names: NatsNames;
  readonly #keptMs: number;
  #link: Promise<NatsLink> | undefined;

  constructor(url: string, names: NatsNames, keptMs: number) {
    [this.#url, this.#names, this.#keptMs] = [url, names, keptMs];
  }

  /** Waits while the first connection is made; afterwards whoever finds none is told so at once. */
  async current(): Promise<NatsLink> {
    this.#link ??= this.#connect();
    this.#link.catch(() => (this.#link = undefined));
    const link = await this.#link;
    if (!link.isUp) throw new Error('not connected to NATS');
    return link;
  }

  async close(): Promise<void> {
    const link = await this.#link?.catch(() => undefined);
    if (link === undefined) return;
    // Acknowledgements are sent without an answer.
    if (link.isUp) await Promise.race([link.connection.flush(), link.connection.closed()]).catch(() => undefined);
    await link.connection.close();
  }

  async #connect(): Promise<NatsLink> {
    const transport = await driver('@nats-io/transport-node', () => import('@nats-io/transport-node'));
    const jetstream = await driver('@nats-io/jetstream', () => import('@nats-io/jetstream'));
    const { protocol, host, username, password } = new URL(this.#url);
    const connection = await transport.connect({
      servers: host,
      ...(protocol === 'tls:' ? { tls: {} } : {}),
      ...(username === '' ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
      timeout: CONNECT_TIMEOUT_MS,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_DELAY_MS,
      reconnectJitter: RECONNECT_DELAY_MS,
      pingInterval: PING_INTERVAL_MS,
    });
    try {
      const manager = await jetstream.jetstreamManager(connection, { timeout: REQUEST_TIMEOUT_MS });
      const js = jetstream.jetstream(connection, { timeout: REQUEST_TIMEOUT_MS });
      await this.#addStreams(manager, jetstream);
      const link: NatsLink = { connection, js, manager, jetstream, transport, isUp: true };
      void follow(link);
      return link;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  async #addStreams(manager: JetStream.JetStreamManager, jetstream: typeof JetStream): Promise<void> {
    const { stream, deadStream, againStream } = this.#names;
    const { Limits, Workqueue } = jetstream.RetentionPolicy;
    const streams = [
      {
        name: stream,
        subjects: [this.#names.subject('>', '*')],
        retention: Limits,
        max_age: this.#keptMs * NANOS_PER_MS,
      },
      { name: deadStream, subjects: [this.#names.dead('*')], retention: Limits },
      { name: againStream, subjects: [this.#names.again('*')], retention: Workqueue },
    ];
    for (const config of streams) {
      // Whoever runs NATS may have made it before, with replicas and limits of their own.
      const found = await manager.streams.info(config.name).catch((error: unknown) => {
        if (error instanceof jetstream.JetStreamApiError && error.status === 404) return undefined;
        throw error;
      });
      if (found !== undefined) continue;
      const storage = jetstream.StorageType.File;
      await manager.streams.add({ ...config, storage, duplicate_window: DUPLICATES_WINDOW_MS * NANOS_PER_MS });
    }
  }
}

async function follow(link: NatsLink): Promise<void> {
  for await (const { type } of link.connection.status()) {
    if (type === 'disconnect' || type === 'close') link.isUp = false;
    if (type === 'reconnect') link.isUp = true;
  }
  link.isUp = false;
}
