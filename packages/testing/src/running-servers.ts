// The brokers that tests talk to: those that already run on this machine, or else one started for the test.
import { connect } from 'node:net';
import { BrokerServer, hasBrokerServer, type BrokerName } from './broker-server.ts';

export interface ServerUnderTest {
  readonly url: URL;
  close(): Promise<void>;
}

const RUNNING: Readonly<Record<BrokerName, string>> = {
  redis: process.env['GW_TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379',
  rabbitmq: process.env['GW_TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672',
  nats: process.env['GW_TEST_NATS_URL'] ?? 'nats://127.0.0.1:4222',
};

/** Undefined where there is none and its program is not installed, either; throws instead where CI=true. */
export async function serverUnderTest(name: BrokerName): Promise<ServerUnderTest | undefined> {
  const url = new URL(RUNNING[name]);
  if (await answers(url)) return { url, close: async () => undefined };
  if (!hasBrokerServer(name)) return undefined;
  const server = await BrokerServer.start(name);
  return { url: new URL(server.url), close: () => server[Symbol.asyncDispose]() };
}

const answers = ({ hostname, port }: URL): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.destroy();
      resolve(true);
    }).on('error', () => resolve(false));
  });
