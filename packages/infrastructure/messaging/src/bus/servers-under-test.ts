// Which brokers answer on this machine; with CI=true one that is missing is a failure and not a skip.
import { connect } from 'node:net';

export const serverUrls = {
  redis: process.env['GW_TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379',
  rabbitmq: process.env['GW_TEST_AMQP_URL'] ?? 'amqp://guest:guest@127.0.0.1:5672',
  nats: process.env['GW_TEST_NATS_URL'] ?? 'nats://127.0.0.1:4222',
} as const;

const PORTS = { redis: 6379, rabbitmq: 5672, nats: 4222 } as const;

/** Whether the server answers; throws instead of saying no where CI=true. */
export async function hasServer(name: keyof typeof serverUrls): Promise<boolean> {
  const { hostname, port } = new URL(serverUrls[name]);
  const answers = await new Promise<boolean>((resolve) => {
    const socket = connect(Number(port || PORTS[name]), hostname, () => {
      socket.destroy();
      resolve(true);
    }).on('error', () => resolve(false));
  });
  if (answers || process.env['CI'] !== 'true') return answers;
  throw new Error(`${name} does not answer at ${hostname}: start it, or say where it is.`);
}
