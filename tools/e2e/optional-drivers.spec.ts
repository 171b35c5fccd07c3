// The programs run without the drivers of what they do not use, and name the one that they would need.
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { eventually } from '@groundwork/testing';
import { startProgram } from './program.ts';

const COLD_START_MAX_MS = 15_000;
const without = {
  GW_STORE: 'memory',
  NODE_OPTIONS: `--import ${join(import.meta.dirname, 'without-drivers.ts')}`,
};

describe('Without the optional drivers', () => {
  it.each(['api', 'worker'] as const)('S3-58 the %s starts, in less than 15 s', async (name) => {
    const startedAtMs = performance.now();
    const program = startProgram(name, without);
    await eventually(() => program.isReady(), COLD_START_MAX_MS);
    expect(performance.now() - startedAtMs).toBeLessThan(COLD_START_MAX_MS);
    program.kill('SIGTERM');
    expect(await program.exitCode).toBe(0);
  });

  it.each([
    ['ioredis', { REDIS_URL: 'redis://127.0.0.1:1', GW_BUS: 'redis' }],
    ['amqplib', { AMQP_URL: 'amqp://127.0.0.1:1' }],
    ['@nats-io/transport-node', { NATS_URL: 'nats://127.0.0.1:1' }],
    ['kafkajs', { KAFKA_BROKERS: '127.0.0.1:1' }],
  ])('a broker that needs %s is reported with the package that is missing, and the api serves', async (driver, bus) => {
    const program = startProgram('api', { ...without, ...bus });
    await eventually(() => program.isReady(), COLD_START_MAX_MS);
    const verbose = await program.readiness();
    expect(verbose).toContain('[~] message-bus: ');
    expect(verbose).toContain(`the package ${driver} is not installed`);
    program.kill('SIGTERM');
    expect(await program.exitCode).toBe(0);
  });
});
