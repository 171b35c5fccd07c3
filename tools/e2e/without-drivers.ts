// Loaded before a program: to it, the drivers that are optional are not installed.
import { registerHooks } from 'node:module';

const OPTIONAL = ['ioredis', 'amqplib', '@nats-io/transport-node', '@nats-io/jetstream', 'kafkajs'];

registerHooks({
  resolve(specifier, context, next) {
    if (!OPTIONAL.includes(specifier)) return next(specifier, context);
    throw Object.assign(new Error(`Cannot find package '${specifier}'`), { code: 'ERR_MODULE_NOT_FOUND' });
  },
});
