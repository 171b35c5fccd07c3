// Attempts that take too long, against a real server.
import { TimedOut } from '@groundwork/application';
import { eventually } from '@groundwork/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { policiesUnderTest } from '../policies-under-test.ts';

let server: Server;
let url: string;
const sockets = new Set<Socket>();
let requests = 0;
beforeAll(async () => {
  server = createServer((request, response) => {
    requests++;
    if (request.url === '/quick') response.end('warm');
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe('an attempt that takes too long', () => {
  it('S3-33 is answered in time, and a server that is slow sees its socket closed', async () => {
    const { policy, metrics } = policiesUnderTest({ timeoutMs: 200 });
    const call = policy.execute((signal) => fetch(`${url}/never`, { signal }));
    await eventually(() => sockets.size === 1);
    const error = await call.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(TimedOut);
    expect(error).toMatchObject({ code: 'resilience.timed-out' });
    expect(metrics.value('groundwork_resilience_timeouts_total', { dependency: 'kiln' })).toBe(1);
    await eventually(() => sockets.size === 0);
  });

  it('S3-33 leaves what came in time alone, and its answer can be read later', async () => {
    const { policy } = policiesUnderTest({ timeoutMs: 2_000 });
    const response = await policy.execute((signal) => fetch(`${url}/quick`, { signal }));
    await expect(response.text()).resolves.toBe('warm');
  });

  it('S3-33 is a limit of each attempt: the next one has its own', async () => {
    const { policy } = policiesUnderTest({ timeoutMs: 100, attemptsMax: 2 });
    const before = requests;
    const error = await policy
      .execute((signal) => fetch(`${url}/never`, { signal }), { kind: 'read' })
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'resilience.retry-exhausted', cause: { code: 'resilience.timed-out' } });
    expect(requests - before).toBe(2);
    await eventually(() => sockets.size === 0);
  });

  it('S3-33 is given up when its work does not listen, and a late error of it disturbs nobody', async () => {
    const { policy } = policiesUnderTest({ timeoutMs: 20 });
    const late = Promise.withResolvers<never>();
    await expect(policy.execute(() => late.promise)).rejects.toBeInstanceOf(TimedOut);
    late.reject(new Error('too late'));
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('S3-33 ends with the reason of its caller when that comes first', async () => {
    const { policy, metrics } = policiesUnderTest({ timeoutMs: 5_000 });
    const caller = new AbortController();
    const call = policy.execute((signal) => fetch(`${url}/never`, { signal }), { signal: caller.signal });
    await eventually(() => sockets.size === 1);
    caller.abort(new Error('The request was closed.'));
    await expect(call).rejects.toThrow('The request was closed.');
    await eventually(() => sockets.size === 0);
    expect(metrics.value('groundwork_resilience_timeouts_total', { dependency: 'kiln' })).toBe(0);
  });
});
