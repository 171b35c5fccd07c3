// The clients of one Kafka cluster: one that sends, one that asks, and consumers as they are needed.
import type { Admin, Consumer as GroupConsumer, ConsumerConfig, ISocketFactory, Kafka, Producer } from 'kafkajs';
import { driver } from '../driver.ts';

const CONNECT_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 10_000;
const RETRY_MS = 100;
const RETRY_MAX_MS = 1_000;
/** How long a fetch waits for something new; a consumer that leaves waits for it. */
const FETCH_WAIT_MS = 250;

export interface KafkaClients {
  readonly kafka: Kafka;
  readonly producer: Producer;
  readonly admin: Admin;
}

export interface KafkaAddress {
  readonly brokers: readonly string[];
  readonly sessionTimeoutMs: number;
  /** Makes the sockets; for tests that cut them. */
  readonly socketFactory?: ISocketFactory;
}

export class KafkaConnections {
  readonly #address: KafkaAddress;
  #clients: Promise<KafkaClients> | undefined;
  #asked: Promise<unknown> = Promise.resolve();

  constructor(address: KafkaAddress) {
    this.#address = address;
  }

  async current(): Promise<KafkaClients> {
    this.#clients ??= this.#connect();
    this.#clients.catch(() => (this.#clients = undefined));
    return this.#clients;
  }

  /** One question after the other: the driver's answers about a topic get lost while another makes it look anew. */
  async ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    const answer = this.#asked.then(async () => question((await this.current()).admin));
    this.#asked = answer.catch(() => undefined);
    return answer;
  }

  async consumer(groupId: string): Promise<GroupConsumer> {
    const { kafka } = await this.current();
    const { sessionTimeoutMs: sessionTimeout } = this.#address;
    const config: ConsumerConfig = {
      groupId,
      sessionTimeout,
      heartbeatInterval: Math.ceil(sessionTimeout / 10),
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: true,
      retry: { initialRetryTime: RETRY_MS, maxRetryTime: RETRY_MAX_MS, retries: 5, restartOnFailure: async () => true },
    };
    return kafka.consumer(config);
  }

  async close(): Promise<void> {
    const clients = await this.#clients?.catch(() => undefined);
    await Promise.all([clients?.producer.disconnect(), clients?.admin.disconnect()]).catch(() => undefined);
  }

  async #connect(): Promise<KafkaClients> {
    const { Kafka, logLevel, Partitioners } = (await driver('kafkajs', () => import('kafkajs'))).default;
    const { brokers, socketFactory } = this.#address;
    const kafka = new Kafka({
      clientId: 'groundwork',
      brokers: [...brokers],
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: RETRY_MS, maxRetryTime: RETRY_MAX_MS, retries: 3 },
      ...(socketFactory === undefined ? {} : { socketFactory }),
    });
    const producer = kafka.producer({
      allowAutoTopicCreation: true,
      createPartitioner: Partitioners.DefaultPartitioner,
      // More than one could overtake each other when one is tried again.
      maxInFlightRequests: 1,
    });
    const admin = kafka.admin();
    await Promise.all([producer.connect(), admin.connect()]);
    return { kafka, producer, admin };
  }
}
