// Loaded before a program: to it, the drivers that are optional are not installed.
import { registerHooks } from 'node:module';

const OPTIONAL = [
  '@aws-sdk/client-eventbridge',
  '@nats-io/jetstream',
  '@nats-io/transport-node',
  'amqplib',
  'ioredis',
  'kafkajs',
];

registerHooks({
  resolve(specifier, context, next) {
    if (!OPTIONAL.includes(specifier)) return next(specifier, context);
    throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' });
  },
});
